// @ts-check
/**
 * The form's control for `start_from`: now, everything that is held, or a time.
 */

import { dress, make, name, widen } from './dom.js';
import { DEFAULTS } from './parameters.js';

/** The value of the choice "A time" while none is given. */
export const NO_TIME = 'Z';

const CHOICES = [
    ['now', 'Now', 'Events from the first start on. Recommended.'],
    ['oldest', 'Oldest', 'Everything that the Management Center still holds, which can be many gigabytes.'],
    ['time', 'A time', 'Events since this time, in UTC.'],
];

export default class StartFrom {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {HTMLElement} el
     * @param {ControlData} data
     * @param {SetValue} setValue
     */
    constructor(globalConfig, el, data, setValue) {
        this.el = el;
        this.data = data;
        this.setValue = setValue;
        this.validation = this.validation.bind(this);
    }

    render() {
        const root = dress(this.el);
        widen(root);
        const group = `sfw-start-${Math.random()}`;
        const stored = String(this.data.value || DEFAULTS.start_from).trim();
        const word = ['now', 'oldest'].find((one) => one === stored.toLowerCase());
        this.time = make('input', { type: 'datetime-local', step: '1', min: '1970-01-01T00:00:01' });
        this.time.setAttribute('aria-label', 'Time in UTC');
        this.radios = CHOICES.map(([value]) => make('input', { type: 'radio', name: group, value }));
        const items = CHOICES.map(([value, label, help], index) => {
            this.radios[index].checked = value === (word || 'time');
            this.radios[index].addEventListener('change', () => this.publish());
            const note = make('span', { className: 'sfw-note' }, ` ${help}`);
            return make('li', {}, make('label', {}, this.radios[index], label, note));
        });
        items[2].append(make('div', { className: 'sfw-row' }, this.time, 'UTC'));
        this.time.addEventListener('input', () => {
            this.radios[2].checked = true;
            this.publish();
        });
        root.append(name(make('fieldset', {}, make('ul', {}, ...items)), root));
        if (word) {
            this.publish();
        } else {
            this.time.value = inUtc(stored);
        }
    }

    publish() {
        const chosen = this.radios.find((radio) => radio.checked).value;
        // The control leaves out seconds that are zero.
        const time = /T\d\d:\d\d$/.test(this.time.value) ? `${this.time.value}:00` : this.time.value;
        this.setValue(chosen === 'time' ? `${time}Z` : chosen);
    }

    /**
     * @param {string} _field
     * @param {string} value
     */
    validation(_field, value) {
        return value === NO_TIME ? 'Start from: give the day and the time, in UTC.' : undefined;
    }
}

/**
 * Return a stored time as the control wants it, "" for one that is not understood: it stays as it is until changed.
 *
 * @param {string} text
 */
function inUtc(text) {
    const iso = text.replace(' ', 'T').replace(',', '.');
    const time = new Date(/(Z|[+-]\d\d:?\d\d)$/i.test(iso) || !iso.includes('T') ? iso : `${iso}Z`);
    return Number.isNaN(time.getTime()) ? '' : time.toISOString().slice(0, 19);
}
