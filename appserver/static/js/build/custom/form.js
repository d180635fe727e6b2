// @ts-check
/**
 * What the controls of one form tell each other: the values of the parameters that make up the request.
 */

import { ask } from './splunkd.js';

/** @type {Record<string, string>} */
const FIELDS = {
    ConnectionEvent: 'connection_fields',
    IntrusionEvent: 'intrusion_fields',
    IntrusionPacket: 'packet_fields',
    FileEvent: 'file_fields',
};
/** @type {WeakMap<Element, Values>} */
const forms = new WeakMap();
/** @type {Promise<EventType[]> | undefined} */
let catalog;

/**
 * @typedef {object} EventType
 * @property {string} name
 * @property {string} label
 * @property {string} help
 * @property {string} parameter - The input's parameter that holds its fields.
 * @property {boolean} isDefault
 * @property {Record<string, string>} fieldSets - What each is for.
 * @property {Array<{label: string, fields: Array<{name: string, evidence: string}>}>} groups
 * @property {Record<string, string[]>} presets
 * @property {Record<string, string>} presetHelp
 */

/** The values of one form, by parameter. */
class Values {
    constructor() {
        /** @type {Record<string, string>} */
        this.values = {};
        /** @type {Array<{control: Element, listener: () => void}>} */
        this.listeners = [];
    }

    /**
     * @param {string} parameter
     * @param {string} value
     */
    set(parameter, value) {
        if (this.values[parameter] !== value) {
            this.values[parameter] = value;
            this.listeners = this.listeners.filter(({ control }) => control.isConnected);
            this.listeners.forEach(({ listener }) => listener());
        }
    }

    /** @param {string} parameter */
    get(parameter) {
        return this.values[parameter] ?? '';
    }

    /**
     * Call `listener` at each change, for as long as `control` is in the page.
     *
     * @param {Element} control
     * @param {() => void} listener
     */
    listen(control, listener) {
        this.listeners.push({ control, listener });
    }
}

/** The parameters that make up the request. */
export const REQUEST_PARAMETERS = ['event_types', ...Object.values(FIELDS)];

/**
 * Return what was emptied and is needed for a request: `{ parameter, text }`, undefined if nothing.
 *
 * To the endpoints, what is empty is what was never chosen: they take the defaults for it.
 *
 * @param {Row} values
 */
export function missing(values) {
    if (values.event_types === '') {
        return { parameter: 'event_types', text: 'Event types: choose at least one.' };
    }
    const parameter = split(values.event_types)
        .map((type) => FIELDS[type])
        .find((one) => values[one] === '');
    const text = 'Choose at least one field set or field of each event type that you want.';
    return parameter && { parameter, text };
}

/**
 * Return the values of the form that an element stands in.
 *
 * @param {Element} control
 * @returns {Values}
 */
export function valuesOf(control) {
    const form = control.closest('form');
    if (!forms.has(form)) {
        forms.set(form, new Values());
    }
    return forms.get(form);
}

/**
 * Return the event types that the add-on knows, asked for once in a page.
 *
 * @param {GlobalConfig} globalConfig
 * @returns {Promise<EventType[]>}
 * @throws {Refusal} As `ask` does.
 */
export function knownEventTypes(globalConfig) {
    catalog = catalog || ask(globalConfig, 'catalog').then((entries) => entries.map(parse));
    catalog.catch(() => {
        catalog = undefined;
    });
    return catalog;
}

/**
 * @param {{name: string, content: Row}} entry
 * @returns {EventType}
 */
function parse({ name, content }) {
    /** @param {string} key */
    const read = (key) => JSON.parse(content[key]);
    return {
        name,
        label: content.label,
        help: content.help,
        parameter: content.parameter,
        isDefault: content.default === '1',
        fieldSets: read('field_sets'),
        groups: read('groups'),
        presets: read('presets'),
        presetHelp: read('preset_help'),
    };
}

/**
 * Return the names in a list as it is stored.
 *
 * @param {string | undefined} text
 */
export function split(text) {
    return (text || '')
        .split(/[\s,]+/)
        .map((name) => name.trim())
        .filter(Boolean);
}
