/**
 * The cell of the accounts table that tells when a certificate expires, and the warning above the table.
 */

import { dress, make } from './dom.js';

const WARNING_DAYS = 30;
const BANNER = 'sfw-expiry-warning';
const cells = new Map();

export default class Expiry {
    constructor(globalConfig, serviceName, el, row) {
        this.el = el;
        this.row = row;
    }

    render() {
        const root = dress(this.el);
        const date = String(this.row.certificate_not_after || '').slice(0, 10);
        const days = Number.parseInt(this.row.certificate_days_left, 10);
        if (!date || Number.isNaN(days)) {
            root.append('unknown');
            return;
        }
        const soon = days < WARNING_DAYS;
        const tone = soon ? 'sfw-warning' : 'sfw-note';
        root.append(
            make('div', { className: 'sfw-whole' }, date),
            make('div', { className: `sfw-whole ${tone}` }, describe(days))
        );
        cells.set(this.el, { name: this.row.name, days });
        // The table is still being put together.
        setTimeout(() => warn(this.el.closest('table')), 0);
    }
}

function describe(days) {
    if (days < 0) {
        return `\u26a0 expired ${-days} ${-days === 1 ? 'day' : 'days'} ago`;
    }
    const left = `${days} ${days === 1 ? 'day' : 'days'} left`;
    return days < WARNING_DAYS ? `\u26a0 ${left}` : left;
}

/** Put the accounts whose certificates expire soon above the table, and keep that up to date. */
function warn(table) {
    if (!table) {
        return;
    }
    [...cells.keys()].filter((el) => !el.isConnected).forEach((el) => cells.delete(el));
    const soon = [...cells.values()].filter(({ days }) => days < WARNING_DAYS).sort((one, other) => one.days - other.days);
    const place = table.parentElement;
    const earlier = document.getElementById(BANNER);
    const text = soon.map(({ name, days }) => `${name} (${describe(days).replace('\u26a0 ', '')})`).join(', ');
    if (earlier && earlier.dataset.text === text) {
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
            make('strong', {}, 'Certificates that expire within 30 days: '),
            `${text}. Create the client anew on the Management Center (System > Integration > eStreamer), and give the `,
            'file to the account here: with an expired certificate, inputs cannot connect.'
        )
    );
    place.before(banner);
    const observer = new MutationObserver(() => {
        if (banner.isConnected) {
            warn(document.querySelector('table'));
        } else {
            observer.disconnect();
        }
    });
    observer.observe(place, { childList: true, subtree: true });
}
