// @ts-check
/**
 * The cells of the accounts table that tell whose certificate it is, and its fingerprint; and that the stored file cannot
 * be read, where it cannot.
 */

import { dress, make } from './dom.js';

const SHOWN = 6;
/** @type {Record<string, (text: string) => HTMLElement[]>} */
const TEXTS = { certificate_subject: describeSubject, certificate_fingerprint: describeFingerprint };

export default class Certificate {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {string} serviceName
     * @param {HTMLElement} el
     * @param {Row} row
     * @param {string} field
     */
    constructor(globalConfig, serviceName, el, row, field) {
        this.el = el;
        this.row = row;
        this.field = field;
    }

    render() {
        const problem = this.field === 'certificate_subject' ? this.row.unreadable : '';
        const told = problem ? [make('div', { className: 'sfw-text sfw-problem' }, `\u26a0 ${problem}`)] : [];
        dress(this.el).append(...TEXTS[this.field](String(this.row[this.field] || '')), ...told);
    }
}

/** @param {string} subject */
function describeSubject(subject) {
    const note = 'must be this machine, as the Management Center sees it';
    return [make('div', {}, subject || 'unknown'), make('div', { className: 'sfw-note' }, subject ? note : '')];
}

/**
 * The whole of it is in the row when it is opened.
 *
 * @param {string} fingerprint
 */
function describeFingerprint(fingerprint) {
    const ends = `${fingerprint.slice(0, SHOWN)}\u2026${fingerprint.slice(-SHOWN)}`;
    return [make('div', { className: 'sfw-nowrap', title: fingerprint }, fingerprint ? ends : 'unknown')];
}
