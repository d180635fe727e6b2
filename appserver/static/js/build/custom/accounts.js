// @ts-check
/**
 * What the form of an account and the cells of the table tell each other.
 */

/** @type {Array<(name: string) => void>} */
const listeners = [];

/**
 * Call `listener` with the name of each account that is saved from now on.
 *
 * @param {(name: string) => void} listener
 */
export function onAccountSaved(listener) {
    listeners.push(listener);
}

/**
 * Tell that an account was saved.
 *
 * @param {string} name
 */
export function accountSaved(name) {
    listeners.forEach((listener) => listener(name));
}
