// @ts-check
/**
 * The hook of the input form: before a save, what is wrong is shown at the parameter that it is about.
 */

import { missing, REQUEST_PARAMETERS } from './form.js';
import { ask } from './splunkd.js';
import { NO_TIME } from './start_from.js';

const PARAMETER = /^([a-z_]+)(?:, line \d+, column \d+)?: /;
const OWN = [...REQUEST_PARAMETERS, 'start_from', 'drop_rules', 'request_style', 'settle', 'planned_restart', 'interval'];

export default class InputForm {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {string} serviceName
     * @param {unknown} state
     * @param {string} mode
     * @param {FormUtil} util
     */
    constructor(globalConfig, serviceName, state, mode, util) {
        this.globalConfig = globalConfig;
        this.util = util;
    }

    /** @param {Row} values */
    async onSave(values) {
        const lack = missing(values);
        if (lack) {
            this.util.setErrorFieldMsg(lack.parameter, lack.text);
            return false;
        }
        if (values.start_from === NO_TIME) {
            // The control refuses it next, in words of its own.
            return true;
        }
        /** @type {Record<string, string>} */
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
