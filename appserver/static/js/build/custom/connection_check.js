// @ts-check
/**
 * The cell of the accounts table that checks the connection of a saved account, and reports each step.
 */

import { onAccountSaved } from './accounts.js';
import { dress, make } from './dom.js';
import { KEPT } from './parameters.js';
import { ask } from './splunkd.js';

/** @type {Record<string, string>} */
const NAMES = {
    credentials: 'Client certificate',
    resolve: 'Name',
    connect: 'Connection',
    verify: 'Server certificate',
    accept: 'Client accepted',
    request: 'Request',
};
const CONTENT = [...KEPT, 'certificate_fingerprint'];
// A table redraws its cells now and then: results outlive that, by what was checked.
/** @typedef {{ok?: boolean, steps?: Array<{name: string, ok: boolean, text: string}>, problem?: string}} Result */
/** @type {Map<string, Result>} */
const results = new Map();
/** @type {Set<ConnectionCheck>} */
const cells = new Set();

onAccountSaved((name) => {
    const ofAccount = [...results.keys()].filter((checked) => JSON.parse(checked)[0] === name);
    ofAccount.forEach((checked) => {
        results.delete(checked);
        draw(checked);
    });
});

export default class ConnectionCheck {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {string} serviceName
     * @param {HTMLElement} el
     * @param {Row} row
     */
    constructor(globalConfig, serviceName, el, row) {
        this.globalConfig = globalConfig;
        this.el = el;
        this.row = row;
        this.checked = JSON.stringify(CONTENT.map((parameter) => row[parameter] ?? ''));
    }

    render() {
        cells.forEach((cell) => (cell.el === this.el || !cell.el.isConnected) && cells.delete(cell));
        cells.add(this);
        const root = dress(this.el);
        this.button = make('button', { type: 'button', className: 'sfw-nowrap' }, 'Check connection');
        this.button.setAttribute('aria-label', `Check the connection of ${this.row.name}`);
        this.verdict = make('div', { role: 'status', className: 'sfw-text' });
        this.button.addEventListener('click', () => this.check());
        root.append(this.button, this.verdict);
        this.draw();
    }

    async check() {
        /** @type {Result} */
        const mine = {};
        results.set(this.checked, mine);
        draw(this.checked);
        const result = await this.ask();
        // The account may have been saved or checked anew meanwhile.
        if (results.get(this.checked) === mine) {
            results.set(this.checked, result);
            draw(this.checked);
        }
    }

    /** @returns {Promise<Result>} */
    async ask() {
        try {
            const [entry] = await ask(this.globalConfig, `check/${encodeURIComponent(this.row.name)}`, {});
            if (!entry?.content.steps) {
                throw new Error('Splunk did not return the result of the check. See the log of the add-on.');
            }
            return { ok: entry.content.ok === '1', steps: JSON.parse(entry.content.steps) };
        } catch (refusal) {
            return { ok: false, steps: [], problem: refusal.message };
        }
    }

    draw() {
        const result = results.get(this.checked) || ofTheSave(this.row);
        const pending = Boolean(result) && !result.steps;
        this.button.disabled = pending;
        const told = result && !pending ? describe(result) : [];
        this.verdict.replaceChildren(...(pending ? ['Checking, for at most 15 seconds…'] : told));
    }
}

/** @param {string} checked */
function draw(checked) {
    cells.forEach((cell) => cell.checked === checked && cell.el.isConnected && cell.draw());
}

/**
 * The steps that the save has taken: they are in its answer only.
 *
 * @param {Row} row
 * @returns {Result | undefined}
 */
function ofTheSave(row) {
    return row.connection_check ? { ok: true, steps: JSON.parse(row.connection_check) } : undefined;
}

/** @param {Result} result */
function describe(result) {
    const verdict = result.ok ? 'The connection works.' : result.problem || 'The connection failed.';
    const steps = result.steps.map((step) =>
        make('li', {}, `${step.ok ? '\u2713' : '\u2717'} ${NAMES[step.name] || step.name}: ${step.text}`)
    );
    return [
        make('p', { className: result.ok ? 'sfw-fine' : 'sfw-problem' }, verdict),
        make('ol', { className: 'sfw-note' }, ...steps),
    ];
}
