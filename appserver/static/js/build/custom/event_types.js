// @ts-check
/**
 * The form's control for `event_types`: a check box for each, with what it is for.
 */

import { dress, make, name, parameterOf, widen } from './dom.js';
import { knownEventTypes, split, valuesOf } from './form.js';

export default class EventTypes {
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
    }

    render() {
        const root = dress(this.el);
        widen(root);
        knownEventTypes(this.globalConfig).then(
            (types) => this.show(root, types),
            (refusal) => root.append(make('p', { className: 'sfw-problem', role: 'alert' }, refusal.message))
        );
    }

    /**
     * @param {HTMLElement} root
     * @param {Array<import('./form.js').EventType>} types
     */
    show(root, types) {
        if (!root.isConnected) {
            return;
        }
        const given = split(this.data.value);
        const chosen = given.length ? given : types.filter((type) => type.isDefault).map((type) => type.name);
        const boxes = types.map((type) => make('input', { type: 'checkbox', value: type.name }));
        const publish = () => {
            const value = boxes.filter((box) => box.checked).map((box) => box.value);
            valuesOf(root).set(parameterOf(root), value.join(','));
            this.setValue(value.join(','));
        };
        const items = types.map((type, index) => {
            boxes[index].checked = chosen.includes(type.name);
            boxes[index].addEventListener('change', publish);
            const help = make('span', { className: 'sfw-note' }, type.help);
            return make('li', {}, make('label', {}, boxes[index], type.label, make('br'), help));
        });
        root.append(name(make('fieldset', {}, make('ul', {}, ...items)), root));
        publish();
    }
}
