// @ts-check
/**
 * The cell of the accounts table that tells when an account's chain of certificates ends, and the warning above the
 * table. The chain ends with its first certificate that expires: the client's, or a CA's that has issued it.
 *
 * The warning is about all accounts: also those on other pages of the table, and those that a search hides.
 */

import { onAccountSaved } from './accounts.js';
import { dress, later, make } from './dom.js';
import { ask } from './splunkd.js';

const WARNING_DAYS = 30;
const BANNER = 'sfw-expiry-warning';
/** @type {Map<HTMLElement, Expiry>} */
const cells = new Map();
/** @type {string | undefined} */
let rowsInSight;
let asked = 0;
/** @type {MutationObserver | undefined} */
let observer;
/** @type {HTMLElement | undefined} */
let place;

const refreshSoon = later(refresh, 100);

onAccountSaved(() => refreshSoon());

export default class Expiry {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {string} serviceName
     * @param {HTMLElement} el
     * @param {Row} row
     */
    constructor(globalConfig, serviceName, el, row) {
        this.globalConfig = globalConfig;
        this.el = el;
        this.row = row;
    }

    render() {
        const root = dress(this.el);
        const date = endOf(this.row).slice(0, 10);
        const days = daysLeft(this.row);
        if (!date || Number.isNaN(days)) {
            root.append('unknown');
        } else {
            root.append(
                make('div', { className: 'sfw-nowrap' }, date),
                make('div', { className: `sfw-nowrap ${isSoon(days) ? 'sfw-warning' : 'sfw-note'}` }, describe(days))
            );
            if (endsByCa(this.row)) {
                root.append(make('div', { className: 'sfw-note' }, `${this.row.certificate_ends_first} ends first`));
            }
        }
        cells.set(this.el, this);
        // The table is still being put together.
        setTimeout(watch, 0);
    }
}

/**
 * An account that was saved before chains were looked at has the end of the client certificate alone.
 *
 * @param {Row} account
 */
function endOf(account) {
    return String(account.certificate_chain_not_after || account.certificate_not_after || '');
}

/** @param {Row} account */
function endsByCa(account) {
    return String(account.certificate_ends_first || '').startsWith('CA ');
}

/** @param {Row} account */
function daysLeft(account) {
    return Number.parseInt(account.certificate_days_left, 10);
}

/** @param {number} days */
function isSoon(days) {
    return days <= WARNING_DAYS;
}

/** @param {number} days */
function describe(days) {
    if (days < 0) {
        return `\u26a0 expired ${-days} ${-days === 1 ? 'day' : 'days'} ago`;
    }
    const left = `${days} ${days === 1 ? 'day' : 'days'} left`;
    return isSoon(days) ? `\u26a0 ${left}` : left;
}

/** Ask anew whenever other rows have come into sight: an account may have gone. */
function watch() {
    cells.forEach((_, el) => el.isConnected || cells.delete(el));
    const parent = [...cells.keys()][0]?.closest('table')?.parentElement;
    if (!parent) {
        return;
    }
    if (parent !== place) {
        observer?.disconnect();
        place = parent;
        rowsInSight = undefined;
        observer = new MutationObserver(watch);
        observer.observe(place, { childList: true, subtree: true });
    }
    const rows = [...cells.values()].map(({ row }) => `${row.name} ${endOf(row)}`).join();
    if (rows !== rowsInSight) {
        rowsInSight = rows;
        refreshSoon();
    }
}

async function refresh() {
    const [cell] = cells.values();
    if (!cell) {
        return;
    }
    asked += 1;
    const mine = asked;
    // The table itself says why accounts cannot be read.
    /** @returns {Array<{name: string, content: Row}> | undefined} */
    const nothing = () => undefined;
    const accounts = await ask(cell.globalConfig, 'account').catch(nothing);
    if (accounts && mine === asked && place.isConnected) {
        warn(accounts);
    }
}

/**
 * Put the accounts whose certificates expire soon above the table.
 *
 * @param {Array<{name: string, content: Row}>} accounts
 */
function warn(accounts) {
    const soon = accounts
        .map(({ name, content }) => ({
            name: endsByCa(content) ? `${name}: ${content.certificate_ends_first}` : name,
            days: daysLeft(content),
        }))
        .filter(({ days }) => isSoon(days))
        .sort((one, other) => one.days - other.days);
    const text = soon.map(({ name, days }) => `${name} (${describe(days).replace('\u26a0 ', '')})`).join(', ');
    const earlier = document.getElementById(BANNER);
    if (earlier?.dataset.text === text) {
        return;
    }
    earlier?.remove();
    if (!soon.length) {
        return;
    }
    const banner = dress(make('div', { id: BANNER }));
    banner.dataset.text = text;
    banner.append(
        make(
            'div',
            { className: 'sfw-banner sfw-warning', role: 'alert' },
            make('strong', {}, `Certificates that expire within ${WARNING_DAYS} days: `),
            `${text}. Create the client again on the Management Center (System > Integration > eStreamer), and give the `,
            'file to the account here: with an expired certificate, inputs cannot connect. If a CA certificate ends ',
            'first, have the Management Center renew its CA before.'
        )
    );
    place.before(banner);
}
