// @ts-check
/**
 * The form's control for `drop_rules`: a text that is checked while it is written, with a mistake shown at its place.
 */

import { dress, later, make, name, widen } from './dom.js';
import { ask } from './splunkd.js';

const PLACE = /^drop_rules, line (\d+), column (\d+): (.*)$/s;

export default class DropRules {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {HTMLElement} el
     * @param {ControlData} data
     * @param {SetValue} setValue
     */
    constructor(globalConfig, el, data, setValue) {
        this.globalConfig = globalConfig;
        this.el = el;
        this.data = data;
        this.setValue = setValue;
        this.validation = this.validation.bind(this);
        this.problem = undefined;
    }

    render() {
        const root = dress(this.el);
        widen(root);
        this.text = name(make('textarea', { rows: 4, spellcheck: false, value: this.data.value || '' }), root);
        this.verdict = make('div', { role: 'status' });
        root.append(this.text, this.verdict);
        const check = later(() => this.check(), 400);
        this.text.addEventListener('input', () => {
            this.problem = undefined;
            this.setValue(this.text.value);
            check();
        });
        if (this.text.value.trim()) {
            this.check();
        }
    }

    validation() {
        return this.problem;
    }

    async check() {
        const text = this.text.value;
        let problem;
        if (text.trim()) {
            // What else the form holds is left out: only the rules are in question.
            problem = await ask(this.globalConfig, 'preview', { name: 'preview', drop_rules: text }).then(
                /** @returns {string | undefined} */
                () => undefined,
                (refusal) => refusal.message
            );
        }
        if (text === this.text.value) {
            this.show(problem);
        }
    }

    /** @param {string | undefined} problem */
    show(problem) {
        this.problem = problem && PLACE.test(problem) ? problem : undefined;
        this.text.setAttribute('aria-invalid', String(Boolean(problem)));
        this.verdict.replaceChildren();
        if (!problem) {
            if (this.text.value.trim()) {
                this.verdict.append(make('p', { className: 'sfw-fine' }, 'No mistake found.'));
            }
            return;
        }
        const found = problem.match(PLACE);
        if (!found) {
            this.verdict.append(make('p', { className: 'sfw-problem' }, problem));
            return;
        }
        const [line, column] = [Number(found[1]), Number(found[2])];
        const source = this.text.value.split('\n')[line - 1] || '';
        const go = make('button', { type: 'button' }, 'Go there');
        go.addEventListener('click', () => this.select(line, column));
        this.verdict.append(
            make('p', { className: 'sfw-problem' }, `Line ${line}, column ${column}: ${found[3]}`),
            make('pre', {}, `${source}\n${source.slice(0, column - 1).replace(/[^\t]/g, ' ')}^`),
            go
        );
    }

    /**
     * @param {number} line
     * @param {number} column
     */
    select(line, column) {
        const lines = this.text.value.split('\n');
        const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
        const place = before + column - 1;
        this.text.focus();
        this.text.setSelectionRange(place, Math.min(place + 1, before + lines[line - 1].length));
    }
}
