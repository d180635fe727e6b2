// @ts-check
/**
 * What the other scripts know of parameters. tools/parameters.py writes it from bin/estreamer/parameters.py.
 */

/**
 * The parameter that chooses the fields of each event type.
 *
 * @type {Record<string, string>}
 */
export const FIELDS = {
    ConnectionEvent: 'connection_fields',
    IntrusionEvent: 'intrusion_fields',
    IntrusionPacket: 'packet_fields',
    FileEvent: 'file_fields',
};

/** What the endpoint `preview` checks before a save. */
export const CHECKED = [
    'start_from',
    'event_types',
    'connection_fields',
    'intrusion_fields',
    'packet_fields',
    'file_fields',
    'drop_rules',
    'request_style',
    'settle',
    'planned_restart',
    'interval',
];

/** The words of each choice, with what the form calls them. */
export const CHOICES = {
    request_style: {
        auto: 'Automatic',
        single: 'Single message',
        'two-step': 'Two steps',
    },
    planned_restart: {
        trust: 'Trust that Splunk keeps what it has read',
        resend: 'Resend what was read within the settle time',
    },
};

/**
 * The defaults of parameters that have a control of their own.
 *
 * @type {Record<string, string>}
 */
export const DEFAULTS = {
    start_from: 'now',
    event_types: 'ConnectionEvent,IntrusionEvent,FileEvent',
    connection_fields: 'HeaderFieldSet,ConnectionKeySet,DetailFieldSet',
    intrusion_fields: 'HeaderFieldSet,ConnectionKeySet,DetailFieldSet,Impact',
    packet_fields: 'HeaderFieldSet,DetailFieldSet',
    file_fields: 'HeaderFieldSet,ConnectionKeySet,DetailFieldSet',
    request_style: 'auto',
};

/** What is stored of an account, but for secrets. */
export const KEPT = ['name', 'host', 'port', 'fingerprint', 'legacy_certificates'];

/** Bytes of a file. */
export const LARGEST = {
    pkcs12: 20480,
};
