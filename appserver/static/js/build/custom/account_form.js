// @ts-check
/**
 * The hook of the account form: it tells the cells of the table that an account was saved.
 */

import { accountSaved } from './accounts.js';

export default class AccountForm {
    /** @param {Row} values */
    onSave(values) {
        this.name = values.name;
        return true;
    }

    onSaveSuccess() {
        accountSaved(this.name);
    }
}
