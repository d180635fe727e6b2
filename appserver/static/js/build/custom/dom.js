// @ts-check
/**
 * Plain elements that follow the page's theme. Texts become text nodes, so nothing that was stored is ever markup.
 */

// The class is doubled where the page has a rule of its own for whatever is in a group of the form.
const STYLE = `
.sfw, .sfw * { box-sizing: border-box; }
.sfw { display: block; width: 100%; line-height: 1.45; font-size: 14px; }
.sfw fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
.sfw legend { padding: 0; font-weight: 600; }
.sfw ul, .sfw ol { margin: 0; padding: 0; list-style: none; }
.sfw label { cursor: pointer; }
.sfw p { margin: 4px 0; }
.sfw input[type='checkbox'], .sfw input[type='radio'] { margin: 0 8px 0 0; vertical-align: -2px; }
.sfw input[type='text'], .sfw input[type='search'], .sfw input[type='datetime-local'], .sfw select, .sfw textarea,
.sfw button { font: inherit; color: inherit; background-color: transparent;
    border: 1px solid rgba(128, 128, 128, 0.8); border-radius: 3px; padding: 4px 8px; }
.sfw input[type='text'], .sfw input[type='search'], .sfw textarea { width: 100%; }
.sfw textarea, .sfw pre { font-family: monospace; font-size: 13px; }
.sfw textarea { min-height: 90px; resize: vertical; white-space: pre; }
.sfw pre { margin: 4px 0; padding: 8px; overflow: auto; max-height: 320px; line-height: 1.4;
    border: 1px solid rgba(128, 128, 128, 0.5); border-radius: 3px; }
.sfw button { cursor: pointer; }
.sfw.sfw button { background-color: transparent; }
.sfw button:disabled { cursor: progress; opacity: 0.7; }
.sfw button[aria-pressed='true'] { border-color: currentColor; box-shadow: inset 0 0 0 1px currentColor; }
.sfw :is(input, select, textarea, button, summary):focus-visible { outline: 2px solid #2f8ae0; outline-offset: 2px; }
.sfw summary { cursor: pointer; }
.sfw .sfw-note { font-size: 12px; }
.sfw .sfw-problem { border-left: 3px solid #e0562f; padding-left: 8px; }
.sfw .sfw-fine { border-left: 3px solid #3fa266; padding-left: 8px; }
.sfw .sfw-warning { border-left: 3px solid #e6a400; padding-left: 8px; }
.sfw .sfw-row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 6px 0; }
.sfw .sfw-tree { max-height: 360px; overflow: auto; border: 1px solid rgba(128, 128, 128, 0.5); border-radius: 3px;
    padding: 8px; margin: 6px 0; }
.sfw .sfw-tree details > ul { margin: 2px 0 6px 26px; columns: 2; }
.sfw .sfw-tree li { break-inside: avoid; overflow-wrap: anywhere; }
.sfw .sfw-drop { border: 1px dashed rgba(128, 128, 128, 0.9); border-radius: 3px; padding: 10px; }
.sfw .sfw-over { background-color: rgba(47, 138, 224, 0.2); }
.sfw .sfw-banner { margin: 8px 0; padding: 8px 12px; border: 1px solid rgba(128, 128, 128, 0.5); }
.sfw .sfw-banner.sfw-warning { border-left: 3px solid #e6a400; }
.sfw .sfw-text { max-width: 340px; }
.sfw .sfw-nowrap { white-space: nowrap; }
.sfw-wide { width: 900px !important; max-width: 100%; }
`;

/**
 * Return a new element with properties and children; a child is an element or a text.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} properties
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (name in element) {
            Object.assign(element, { [name]: value });
        } else {
            element.setAttribute(name, String(value));
        }
    }
    element.append(...children);
    return element;
}

/**
 * Make `element` the root of a control or cell, with the add-on's styles and the page's theme; it is emptied.
 *
 * @param {HTMLElement} element
 */
export function dress(element) {
    if (!document.getElementById('sfw-style')) {
        document.head.append(make('style', { id: 'sfw-style', textContent: STYLE }));
    }
    element.classList.add('sfw');
    element.style.colorScheme = isLight(getComputedStyle(element).color) ? 'dark' : 'light';
    element.replaceChildren();
    return element;
}

/**
 * Return the parameter that a control of a form stands for.
 *
 * @param {Element} element
 * @returns {string}
 */
export function parameterOf(element) {
    /** @type {HTMLElement} */
    const place = element.closest('[data-name]');
    return place.dataset.name;
}

/**
 * Give an element the name that stands beside the control.
 *
 * @template {Element} Named
 * @param {Named} element
 * @param {Element} control
 */
export function name(element, control) {
    const label = control.closest('[data-name]')?.querySelector('label[id]');
    if (label) {
        element.setAttribute('aria-labelledby', label.id);
    }
    return element;
}

/**
 * Let a control be as wide as a form on a page of its own can show it.
 *
 * @param {Element} control
 */
export function widen(control) {
    control.closest('[data-name]')?.classList.add('sfw-wide');
}

/**
 * Return a function that calls `action` once `delay` milliseconds have passed without another call.
 *
 * @template {unknown[]} Values
 * @param {(...values: Values) => void} action
 * @param {number} delay
 * @returns {(...values: Values) => void}
 */
export function later(action, delay) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    return (...values) => {
        clearTimeout(timer);
        timer = setTimeout(() => action(...values), delay);
    };
}

/** @param {string} color */
function isLight(color) {
    const [red, green, blue] = (color.match(/[\d.]+/g) || []).map(Number);
    return 0.3 * red + 0.6 * green + 0.1 * blue > 128;
}
