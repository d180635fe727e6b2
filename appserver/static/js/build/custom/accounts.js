/**
 * What the form of an account and the cells of the table tell each other.
 */

const listeners = [];

/** Call `listener` with the name of each account that is saved from now on. */
export function onAccountSaved(listener) {
    listeners.push(listener);
}

/** Tell that an account was saved. */
export function accountSaved(name) {
    listeners.forEach((listener) => listener(name));
}
