/**
 * The cells of the accounts table that tell whose certificate it is, and its fingerprint.
 */

import { dress, make } from './dom.js';

const SHOWN = 6;
const TEXTS = { certificate_subject: describeSubject, certificate_fingerprint: describeFingerprint };

export default class Certificate {
    constructor(globalConfig, serviceName, el, row, field) {
        this.el = el;
        this.row = row;
        this.field = field;
    }

    render() {
        dress(this.el).append(...TEXTS[this.field](String(this.row[this.field] || '')));
    }
}

function describeSubject(subject) {
    const note = 'must be this machine, as the Management Center sees it';
    return [make('div', {}, subject || 'unknown'), make('div', { className: 'sfw-note' }, subject ? note : '')];
}

/** The whole of it is in the row when it is opened. */
function describeFingerprint(fingerprint) {
    const ends = `${fingerprint.slice(0, SHOWN)}\u2026${fingerprint.slice(-SHOWN)}`;
    return [make('div', { className: 'sfw-whole', title: fingerprint }, fingerprint ? ends : 'unknown')];
}
