/**
 * What the controls of one form tell each other: the values of the parameters that make up the request.
 */

import { FIELDS } from './parameters.js';
import { ask } from './splunkd.js';

const forms = new WeakMap();
let catalog;

/** The values of one form, by parameter. */
class Values {
    constructor() {
        this.values = {};
        this.listeners = [];
    }

    set(parameter, value) {
        if (this.values[parameter] !== value) {
            this.values[parameter] = value;
            this.listeners = this.listeners.filter(({ control }) => control.isConnected);
            this.listeners.forEach(({ listener }) => listener());
        }
    }

    get(parameter) {
        return this.values[parameter] ?? '';
    }

    /** Call `listener` at each change, for as long as `control` is in the page. */
    listen(control, listener) {
        this.listeners.push({ control, listener });
    }
}

/**
 * Return what was emptied and is needed for a request: `{ parameter, text }`, undefined if nothing.
 *
 * To the endpoints, what is empty is what was never chosen: they take the defaults for it.
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

/** Return the values of the form that an element stands in. */
export function valuesOf(control) {
    const form = control.closest('form');
    if (!forms.has(form)) {
        forms.set(form, new Values());
    }
    return forms.get(form);
}

/** Return the event types that the add-on knows, asked for once in a page. Raises Refusal. */
export function knownEventTypes(globalConfig) {
    catalog = catalog || ask(globalConfig, 'catalog').then((entries) => entries.map(parse));
    catalog.catch(() => {
        catalog = undefined;
    });
    return catalog;
}

function parse({ name, content }) {
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

/** Return the names in a list as it is stored. */
export function split(text) {
    return (text || '')
        .split(/[\s,]+/)
        .map((name) => name.trim())
        .filter(Boolean);
}
