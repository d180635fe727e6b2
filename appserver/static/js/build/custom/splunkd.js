// @ts-check
/**
 * Requests to the add-on's REST endpoints, as the user of the page.
 */

/**
 * What splunkd answers.
 *
 * @typedef {{entry?: Array<{name: string, content: Row}>, messages?: Array<{text?: string}>}} Answer
 */

/** A refusal; `message` is splunkd's sentence for the user. */
export class Refusal extends Error {}

/**
 * Ask an endpoint of the add-on: GET, or POST when there is a form.
 *
 * @param {GlobalConfig} globalConfig - UCC's, which names the app and the root of its endpoints.
 * @param {string} endpoint - Such as `state`, or `check/<name>` with the name encoded.
 * @param {Record<string, string>} [form] - What to send.
 * @returns {Promise<Array<{name: string, content: Row}>>} The entries of the answer.
 * @throws {Refusal} When splunkd refuses or cannot be reached, or when it is the login page that answers.
 */
export async function ask(globalConfig, endpoint, form) {
    const { name, restRoot } = globalConfig.meta;
    const root = `${window.$C.SPLUNKD_PATH}/servicesNS/nobody/${name}/${restRoot}_${endpoint}`;
    const response = await fetch(`${root}?output_mode=json${form ? '' : '&count=-1'}`, {
        method: form ? 'POST' : 'GET',
        credentials: 'same-origin',
        headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            'X-Requested-With': 'XMLHttpRequest',
            'X-Splunk-Form-Key': formKey(),
        },
        body: form ? new URLSearchParams(form).toString() : undefined,
    }).catch(() => {
        throw new Refusal('Splunk did not answer. Is it running, and are you still logged in?');
    });
    /** @returns {Answer | undefined} */
    const notJson = () => undefined;
    /** @type {Answer | undefined} */
    const document = await response.json().catch(notJson);
    if (response.status === 401 || (response.ok && !Array.isArray(document?.entry))) {
        throw new Refusal('Your session has ended. Log in again.');
    }
    if (!response.ok) {
        throw new Refusal(document?.messages?.[0]?.text || `Splunk refused (HTTP status ${response.status}).`);
    }
    return document.entry;
}

function formKey() {
    const found = document.cookie.match(new RegExp(`splunkweb_csrf_token_${window.$C.MRSPARKLE_PORT_NUMBER}=([^;]+)`));
    return found ? found[1] : '';
}
