/**
 * The cell of the accounts table that checks the connection of a saved account, and reports each step.
 */

import { dress, make } from './dom.js';
import { ask } from './splunkd.js';

const NAMES = {
    credentials: 'Client certificate',
    resolve: 'Name',
    connect: 'Connection',
    verify: 'Server certificate',
    accept: 'Client accepted',
    request: 'Request',
};
// A table redraws its cells now and then: results outlive that.
const results = new Map();

export default class ConnectionCheck {
    constructor(globalConfig, serviceName, el, row) {
        this.globalConfig = globalConfig;
        this.el = el;
        this.row = row;
    }

    render() {
        const root = dress(this.el);
        const button = make('button', { type: 'button', className: 'sfw-whole' }, 'Check connection');
        button.setAttribute('aria-label', `Check the connection of ${this.row.name}`);
        this.verdict = make('div', { role: 'status', className: 'sfw-text' });
        button.addEventListener('click', () => this.check(button));
        root.append(button, this.verdict);
        this.show(results.get(this.row.name));
    }

    async check(button) {
        button.disabled = true;
        this.verdict.replaceChildren('Checking, for at most 15 seconds…');
        results.set(this.row.name, await this.ask());
        button.disabled = false;
        this.show(results.get(this.row.name));
    }

    async ask() {
        try {
            const [entry] = await ask(this.globalConfig, `check/${encodeURIComponent(this.row.name)}`, {});
            return { ok: entry.content.ok === '1', steps: JSON.parse(entry.content.steps) };
        } catch (refusal) {
            return { ok: false, steps: [], problem: refusal.message };
        }
    }

    show(result) {
        if (!result) {
            return;
        }
        const verdict = result.ok ? 'The connection works.' : result.problem || 'The connection failed.';
        const steps = result.steps.map((step) =>
            make('li', {}, `${step.ok ? '\u2713' : '\u2717'} ${NAMES[step.name] || step.name}: ${step.text}`)
        );
        this.verdict.replaceChildren(
            make('p', { className: result.ok ? 'sfw-fine' : 'sfw-problem' }, verdict),
            make('ol', { className: 'sfw-note' }, ...steps)
        );
    }
}
