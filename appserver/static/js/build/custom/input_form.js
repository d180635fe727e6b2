/**
 * The hook of the input form: before a save, what is wrong is shown at the parameter that it is about.
 */

import { ask } from './splunkd.js';

const FIELDS = {
    ConnectionEvent: 'connection_fields',
    IntrusionEvent: 'intrusion_fields',
    IntrusionPacket: 'packet_fields',
    FileEvent: 'file_fields',
};
const PARAMETER = /^([a-z_]+)(?:, line \d+, column \d+)?: /;
const OWN = ['event_types', ...Object.values(FIELDS), 'start_from', 'drop_rules', 'request_style', 'settle', 'interval'];

export default class InputForm {
    constructor(globalConfig, serviceName, state, mode, util) {
        this.globalConfig = globalConfig;
        this.util = util;
    }

    async onSave(values) {
        if (values.event_types === '') {
            this.util.setErrorFieldMsg('event_types', 'Event types: choose at least one.');
            return false;
        }
        const types = values.event_types ? values.event_types.split(',') : [];
        const empty = types.map((type) => FIELDS[type]).find((parameter) => values[parameter] === '');
        if (empty) {
            this.util.setErrorFieldMsg(empty, 'Choose at least one field set or field of each event type that you want.');
            return false;
        }
        const form = { name: values.name || 'preview' };
        OWN.filter((parameter) => values[parameter] != null).forEach((parameter) => {
            form[parameter] = String(values[parameter]);
        });
        try {
            await ask(this.globalConfig, 'preview', form);
            return true;
        } catch (refusal) {
            this.util.setErrorFieldMsg(refusal.message.match(PARAMETER)?.[1] || 'name', refusal.message);
            return false;
        }
    }
}
