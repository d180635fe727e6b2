// @ts-check
/**
 * The form's control for `request_style`, with a preview of the request that the input will send.
 */

import { dress, later, make, name, widen } from './dom.js';
import { missing, valuesOf } from './form.js';
import { CHOICES, DEFAULTS } from './parameters.js';
import { ask } from './splunkd.js';

export default class RequestStyle {
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
        this.asked = 0;
    }

    render() {
        const root = dress(this.el);
        widen(root);
        const values = valuesOf(root);
        const options = Object.entries(CHOICES.request_style).map(([value, label]) => make('option', { value }, label));
        const style = name(make('select', {}, ...options), root);
        style.value = this.data.value || DEFAULTS.request_style;
        style.addEventListener('change', () => this.setValue(style.value));
        this.setValue(style.value);

        const text = make('pre', { tabIndex: 0 });
        text.setAttribute('aria-label', 'Request document');
        const verdict = make('p', { role: 'status', className: 'sfw-note' });
        const details = make('details', {}, make('summary', {}, 'Preview of the request'), verdict, text);
        const refresh = later(() => details.open && this.preview(values.values, text, verdict), 250);
        details.addEventListener('toggle', refresh);
        values.listen(root, refresh);
        root.append(style, details);
    }

    /**
     * @param {Record<string, string>} values
     * @param {HTMLElement} text
     * @param {HTMLElement} verdict
     */
    async preview(values, text, verdict) {
        this.asked += 1;
        const mine = this.asked;
        const [request, said] = await this.ask(values);
        // Answers may come in another order than they were asked for: the last question counts.
        if (mine === this.asked) {
            text.textContent = request;
            verdict.textContent = said;
        }
    }

    /** @param {Record<string, string>} values */
    async ask(values) {
        const lack = missing(values);
        if (lack) {
            return ['', lack.text];
        }
        try {
            const [entry] = await ask(this.globalConfig, 'preview', { name: 'preview', ...values });
            const request = JSON.stringify(JSON.parse(entry.content.request), null, 2);
            return [request, 'The input sends this document to the Management Center once, when it connects.'];
        } catch (refusal) {
            return ['', refusal.message];
        }
    }
}
