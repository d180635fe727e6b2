// @ts-check
/**
 * The cells of the inputs table that tell what an input reports of itself; they refresh by themselves.
 */

import { dress, make } from './dom.js';
import { ask } from './splunkd.js';

const INTERVAL = 15000;
/** @type {Array<[number, string]>} */
const UNITS = [
    [86400, 'days'],
    [3600, 'h'],
    [60, 'min'],
];
/** @type {[number, string]} */
const SECONDS = [1, 's'];
/** @type {Map<HTMLElement, InputState>} */
const cells = new Map();
/** @type {Map<string, Row>} */
let entries = new Map();
/** @type {string | undefined} */
let refusal;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let asking = false;

/** @type {Record<string, (entry: Row) => Array<Node | string>>} */
const TEXTS = { state: describeState, last_event: describeLastEvent, events_last_hour: describeCount, lag: describeLag };

export default class InputState {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {string} serviceName
     * @param {HTMLElement} el
     * @param {Row} row
     * @param {string} field
     */
    constructor(globalConfig, serviceName, el, row, field) {
        this.globalConfig = globalConfig;
        this.el = el;
        this.row = row;
        this.field = field;
    }

    render() {
        const known = cells.get(this.el);
        cells.set(this.el, this);
        this.draw();
        if (!known || known.row.disabled !== this.row.disabled || !entries.has(this.row.name)) {
            schedule(this.globalConfig, 0);
        }
    }

    draw() {
        const entry = entries.get(this.row.name);
        const root = dress(this.el);
        root.dataset.state = entry ? entry.state : '';
        if (refusal && this.field === 'state') {
            root.append(refusal);
        } else if (entry) {
            root.append(...TEXTS[this.field](entry));
        }
    }
}

/**
 * @param {GlobalConfig} globalConfig
 * @param {number} delay - In milliseconds.
 */
function schedule(globalConfig, delay) {
    clearTimeout(timer);
    timer = setTimeout(() => refresh(globalConfig), delay);
}

/** @param {GlobalConfig} globalConfig */
async function refresh(globalConfig) {
    if (asking) {
        schedule(globalConfig, 200);
        return;
    }
    [...cells.keys()].filter((el) => !el.isConnected).forEach((el) => cells.delete(el));
    if (!cells.size) {
        return;
    }
    if (!document.hidden) {
        asking = true;
        await read(globalConfig);
        asking = false;
        cells.forEach((cell) => cell.draw());
    }
    schedule(globalConfig, INTERVAL);
}

/** @param {GlobalConfig} globalConfig */
async function read(globalConfig) {
    try {
        const found = await ask(globalConfig, 'state');
        entries = new Map(found.map(({ name, content }) => [name, content]));
        refusal = undefined;
    } catch (problem) {
        refusal = problem.message;
    }
}

/** @param {Row} entry */
function describeState(entry) {
    const where = [entry.account, entry.host].filter(Boolean).join(', ');
    const whereText = where ? ` (${where})` : '';
    /** @type {Record<string, string[]>} */
    const texts = {
        connected: ['sfw-fine', `Connected since ${moment(entry.connected_since)}${whereText}`],
        connecting: ['sfw-warning', `Connecting${whereText}`],
        'waiting to retry': ['sfw-problem', `Waiting to retry at ${moment(entry.retry_at)}`],
        failed: ['sfw-problem', 'Cannot run as it is set up'],
        'not running': ['sfw-problem', `Not running: it last reported at ${moment(entry.reported)}`],
        'not started': ['sfw-warning', 'Not started yet'],
        stopped: ['sfw-warning', 'Stopped'],
        disabled: ['sfw-note', 'Disabled'],
    };
    const [className, text] = texts[entry.state] || ['sfw-note', entry.state];
    const reason = entry.reason ? [make('div', { className: 'sfw-note sfw-text' }, entry.reason)] : [];
    return [make('div', { className }, text), ...reason];
}

/** @param {Row} entry */
function describeLastEvent(entry) {
    return [entry.last_event ? moment(entry.last_event) : 'none yet'];
}

/** @param {Row} entry */
function describeCount(entry) {
    const count = Number(entry.events_last_hour);
    return [`${count.toLocaleString()} ${count === 1 ? 'event' : 'events'}`];
}

/** @param {Row} entry */
function describeLag(entry) {
    if (entry.lag === '') {
        return [''];
    }
    const seconds = Number(entry.lag);
    const [size, unit] = UNITS.find(([one]) => seconds >= 2 * one) || SECONDS;
    return [`${Math.round(seconds / size).toLocaleString()} ${unit}`];
}

/**
 * Return a time in the zone and the manner of the browser.
 *
 * @param {string} text
 */
function moment(text) {
    const time = new Date(text);
    return Number.isNaN(time.getTime()) ? 'an unknown time' : time.toLocaleString();
}
