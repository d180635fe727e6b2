// @ts-check
/**
 * The form's control for `pkcs12`: a file, chosen or dropped, that is read in the browser and sent as base64.
 */

import { dress, make, name } from './dom.js';

const ENDINGS = /\.(pkcs12|p12|pfx)$/i;
const LARGEST = 20 * 1024;
const STORED = '******';
const UNUSABLE = '##UNUSABLE##';

export default class Pkcs12File {
    /**
     * @param {GlobalConfig} globalConfig
     * @param {HTMLElement} el
     * @param {ControlData} data
     * @param {SetValue} setValue
     */
    constructor(globalConfig, el, data, setValue) {
        this.el = el;
        this.setValue = setValue;
        this.stored = data.mode === 'edit';
        this.validation = this.validation.bind(this);
    }

    render() {
        const root = dress(this.el);
        this.input = name(make('input', { type: 'file', accept: '.pkcs12,.p12,.pfx' }), root);
        this.input.addEventListener('change', () => this.take(this.input.files[0]));
        this.verdict = make('p', { role: 'status', className: 'sfw-note' });
        this.place = make('div', { className: 'sfw-drop' }, this.input, this.verdict);
        this.place.addEventListener('dragover', (event) => this.over(event, true));
        this.place.addEventListener('dragleave', (event) => this.over(event, false));
        this.place.addEventListener('drop', (event) => {
            this.over(event, false);
            this.take(event.dataTransfer.files[0]);
        });
        root.append(this.place);
        this.reset();
    }

    /**
     * @param {string} _field
     * @param {string} value
     */
    validation(_field, value) {
        return value === UNUSABLE ? `PKCS#12 file: ${this.verdict.textContent}` : undefined;
    }

    /**
     * @param {DragEvent} event
     * @param {boolean} on
     */
    over(event, on) {
        event.preventDefault();
        this.place.classList.toggle('sfw-over', on);
    }

    /** Go back to the stored file, or to none; a clone has none, since no secret can be read back. */
    reset() {
        this.say(
            this.stored
                ? 'The stored file is kept, unless you choose another one or drop it here.'
                : 'Choose the file, or drop it here: .pkcs12, .p12 or .pfx, at most 20 KB.'
        );
        this.setValue(this.stored ? STORED : '');
    }

    /**
     * @param {string} text
     * @param {string} [className]
     */
    say(text, className = 'sfw-note') {
        this.verdict.className = className;
        this.verdict.textContent = text;
    }

    /** @param {string} text */
    refuse(text) {
        this.say(text, 'sfw-problem');
        this.setValue(UNUSABLE);
    }

    /** @param {File | undefined} file */
    take(file) {
        if (!file) {
            this.reset();
        } else if (!ENDINGS.test(file.name)) {
            this.refuse(`${file.name} does not end in .pkcs12, .p12 or .pfx. Choose the file from the Management Center.`);
        } else if (file.size > LARGEST) {
            this.refuse(`${file.name} is larger than 20 KB, and a client's PKCS#12 file has a few thousand bytes.`);
        } else if (file.size === 0) {
            this.refuse(`${file.name} is empty. Download it again from the Management Center.`);
        } else {
            this.read(file);
        }
    }

    /** @param {File} file */
    read(file) {
        const reader = new FileReader();
        reader.onload = () => {
            this.say(`${file.name}, ${file.size} bytes. It is checked when you save.`, 'sfw-fine');
            const url = String(reader.result);
            this.setValue(url.slice(url.indexOf('base64,') + 'base64,'.length));
        };
        reader.onerror = () => this.refuse(`${file.name} cannot be read.`);
        reader.readAsDataURL(file);
    }
}
