// What Splunk Web and the generated pages (UCC) give to the page scripts, as far as these use it.

interface Window {
    /** Splunk Web's configuration of the page. */
    $C: { SPLUNKD_PATH: string; MRSPARKLE_PORT_NUMBER: number | string };
}

/** globalConfig.json, as UCC hands it to controls, cells and hooks. */
interface GlobalConfig {
    meta: { name: string; restRoot: string };
}

/** What UCC knows of a control when it makes it. */
interface ControlData {
    value?: string | null;
    mode: 'create' | 'edit' | 'clone' | 'config';
}

type SetValue = (value: string) => void;

/** A row of a table, or what splunkd answers of one object: all values are texts, and some may be absent. */
type Row = Record<string, string | undefined>;

/** What UCC hands to the hook of a form. */
interface FormUtil {
    setErrorFieldMsg(field: string, message: string): void;
}
