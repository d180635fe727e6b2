// @ts-check
/**
 * The form's control for the field sets and fields of one event type: presets, a tree with a search box, and a place
 * for names that only a later Management Center knows. What is stored is a list of names.
 */

import { dress, make, parameterOf, widen } from './dom.js';
import { knownEventTypes, split, valuesOf } from './form.js';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;
/** @type {Record<string, string>} */
const PRESETS = { recommended: 'Recommended', everything: 'Everything', minimal: 'Minimal' };
const OTHERS_HELP =
    'Names that your Management Center knows and this list does not, separated by commas. The Management Center has ' +
    'its own list in /etc/sf/EventHandler/EventCatalog/EventCatalog.json.';

/**
 * @typedef {object} Group
 * @property {HTMLDetailsElement} details
 * @property {HTMLInputElement} all
 * @property {HTMLElement} count
 * @property {string[]} names
 * @property {HTMLElement[]} items
 * @property {boolean} open - Whether it is open while nothing is searched for.
 */

export default class FieldTree {
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
    }

    render() {
        this.root = dress(this.el);
        this.parameter = parameterOf(this.root);
        widen(this.root);
        knownEventTypes(this.globalConfig).then(
            (types) => this.show(types.find((type) => type.parameter === this.parameter)),
            (refusal) => this.root.append(make('p', { className: 'sfw-problem', role: 'alert' }, refusal.message))
        );
    }

    /**
     * @param {string} _field
     * @param {string} value
     */
    validation(_field, value) {
        const wrong = split(value).find((one) => !NAME.test(one));
        return wrong === undefined
            ? undefined
            : `${this.type.label}: "${wrong}" is not a field or field set name. Use letters, digits and underscores.`;
    }

    /** @param {import('./form.js').EventType} type */
    show(type) {
        if (!this.root.isConnected) {
            return;
        }
        this.type = type;
        /** @type {Map<string, HTMLInputElement>} */
        this.boxes = new Map();
        /** @type {Group[]} */
        this.groups = [];
        this.summary = make('summary');
        this.presets = Object.keys(PRESETS).map((preset) => this.presetButton(preset));
        this.search = make('input', { type: 'search', placeholder: 'Search fields' });
        this.search.setAttribute('aria-label', `Search fields of ${type.label}`);
        this.search.addEventListener('input', () => this.filter());
        // Enter in a search box must not send the form.
        this.search.addEventListener('keydown', (event) => event.key === 'Enter' && event.preventDefault());
        this.all = make('input', { type: 'checkbox' });
        this.all.addEventListener('change', () => this.choose([...this.boxes.keys()], this.all.checked));
        this.others = make('input', { type: 'text', spellcheck: false });
        this.others.addEventListener('input', () => this.publish());
        this.details = make('details', {}, this.summary, ...this.content());
        this.root.append(this.details);
        const given = split(this.data.value);
        const names = given.length ? given : type.presets.recommended;
        this.set(names);
        // What is chosen is in sight.
        this.groups.forEach((group) => {
            group.open = group.names.some((one) => names.includes(one));
            group.details.open = group.open;
        });
        const values = valuesOf(this.root);
        values.listen(this.root, () => this.describe());
    }

    content() {
        const { type } = this;
        const sets = Object.entries(type.fieldSets).map(([set, help]) => this.item(set, help));
        const tree = make(
            'div',
            { className: 'sfw-tree', role: 'group' },
            make('label', {}, this.all, make('strong', {}, 'Select all')),
            this.group('Field sets', sets),
            ...type.groups.map((group) => {
                const items = group.fields.map((field) => this.item(field.name, hint(field)));
                return this.group(group.label, items);
            })
        );
        tree.setAttribute('aria-label', `Fields of ${type.label}`);
        this.nothing = make('p', { hidden: true, className: 'sfw-note', role: 'status' });
        const others = make(
            'label',
            {},
            'Other names',
            this.others,
            make('span', { className: 'sfw-note' }, OTHERS_HELP)
        );
        const presets = make('div', { className: 'sfw-row', role: 'group' }, ...this.presets);
        presets.setAttribute('aria-label', `Presets of ${type.label}`);
        this.presetHelp = make('p', { className: 'sfw-note', role: 'status' });
        return [presets, this.presetHelp, this.search, this.nothing, tree, others];
    }

    /** @param {string} preset */
    presetButton(preset) {
        const button = make('button', { type: 'button', value: preset }, PRESETS[preset]);
        button.addEventListener('click', () => this.set(this.type.presets[preset]));
        return button;
    }

    /**
     * @param {string} fieldName
     * @param {string} help
     */
    item(fieldName, help) {
        const box = make('input', { type: 'checkbox', value: fieldName });
        box.setAttribute('aria-label', fieldName);
        box.addEventListener('change', () => this.publish());
        this.boxes.set(fieldName, box);
        const note = make('span', { className: 'sfw-note' }, help ? ` ${help}` : '');
        return make('li', {}, make('label', {}, box, fieldName, note));
    }

    /**
     * @param {string} label
     * @param {HTMLElement[]} items
     */
    group(label, items) {
        const names = items.map((item) => item.querySelector('input').value);
        const all = make('input', { type: 'checkbox' });
        all.setAttribute('aria-label', `Select all of ${label}`);
        all.addEventListener('change', () => this.choose(names, all.checked));
        const count = make('span', { className: 'sfw-note' });
        const details = make('details', {}, make('summary', {}, all, label, ' ', count), make('ul', {}, ...items));
        this.groups.push({ details, all, count, names, items, open: false });
        return details;
    }

    /**
     * @param {string[]} names
     * @param {boolean} checked
     */
    choose(names, checked) {
        names.forEach((one) => {
            this.boxes.get(one).checked = checked;
        });
        this.publish();
    }

    /** @param {string[]} names */
    set(names) {
        this.boxes.forEach((box, one) => {
            box.checked = names.includes(one);
        });
        this.others.value = names.filter((one) => !this.boxes.has(one)).join(', ');
        this.publish();
    }

    chosen() {
        const known = [...this.boxes].filter(([, box]) => box.checked).map(([one]) => one);
        return [...new Set([...known, ...split(this.others.value)])];
    }

    publish() {
        const value = this.chosen().join(',');
        valuesOf(this.root).set(this.parameter, value);
        this.setValue(value);
        this.describe();
    }

    describe() {
        const chosen = this.chosen();
        const preset = Object.keys(PRESETS).find((one) => sameNames(this.type.presets[one], chosen));
        this.presets.forEach((button) => button.setAttribute('aria-pressed', String(button.value === preset)));
        this.presetHelp.textContent = preset ? this.type.presetHelp[preset] : 'Your own choice.';
        const wanted = split(valuesOf(this.root).get('event_types')).includes(this.type.name);
        const title = preset ? PRESETS[preset] : 'Your own choice';
        this.summary.textContent = wanted ? `${title}: ${chosen.join(', ')}` : `Not asked for. (${title})`;
        const states = this.groups.map((group) => mark(group, this.boxes));
        this.all.checked = states.every((state) => state.all);
        this.all.indeterminate = !this.all.checked && states.some((state) => state.some);
    }

    filter() {
        const wanted = this.search.value.trim().toLowerCase();
        let found = 0;
        this.groups.forEach((group) => {
            group.items.forEach((item) => {
                item.hidden = !item.textContent.toLowerCase().includes(wanted);
                found += item.hidden ? 0 : 1;
            });
            group.details.hidden = group.items.every((item) => item.hidden);
            group.details.open = wanted ? !group.details.hidden : group.open;
        });
        this.nothing.hidden = found > 0;
        this.nothing.textContent = 'No known field has this text in its name. Enter the name under "Other names".';
    }
}

/** @param {{evidence: string}} field */
function hint(field) {
    return field.evidence === 'seen' ? '' : '(reported by others)';
}

/**
 * @param {Group} group
 * @param {Map<string, HTMLInputElement>} boxes
 */
function mark(group, boxes) {
    const checked = group.names.filter((one) => boxes.get(one).checked).length;
    group.all.checked = checked === group.names.length;
    group.all.indeterminate = checked > 0 && !group.all.checked;
    group.count.textContent = `${checked} of ${group.names.length}`;
    return { all: group.all.checked, some: checked > 0 };
}

/**
 * @param {string[]} one
 * @param {string[]} other
 */
function sameNames(one, other) {
    return one.length === other.length && one.every((entry) => other.includes(entry));
}
