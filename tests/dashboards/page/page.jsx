// Renders one dashboard definition with Splunk's own packages, as Splunk Web does: the same preset, its data sources ask
// the REST API of splunkd, which the tests stand in for.
import React from 'react';
import { createRoot } from 'react-dom/client';
import DashboardCore from '@splunk/dashboard-core';
import { DashboardContextProvider, GeoJsonProvider, GeoRegistry } from '@splunk/dashboard-context';
import { createSchemaBasedOnPresets } from '@splunk/dashboard-definition/DashboardSchema';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';
import { migrateToTabsLayout } from '@splunk/dashboard-utils';
import { DashboardValidator } from '@splunk/dashboard-validation';
import SplunkThemeProvider from '@splunk/themes/SplunkThemeProvider';

const links = [];

// Splunk Web adds these handlers to those of the packages. What they are told is kept instead of followed.
class Link {
    constructor(options) {
        this.options = options;
    }

    canHandle = () => true;

    handle = async () => {
        links.push(this.options);
        return [];
    };
}

const preset = {
    ...EnterpriseViewOnlyPreset,
    eventHandlers: {
        ...EnterpriseViewOnlyPreset.eventHandlers,
        'drilldown.linkToDashboard': Link,
        'drilldown.linkToSearch': Link,
        'drilldown.linkToReport': Link,
    },
};

const plugin = {
    onLinkToUrl: (event) => {
        links.push({ url: event.url, newTab: event.newTab ?? false });
        event.preventDefault();
    },
};

const geoRegistry = GeoRegistry.create();
geoRegistry.addDefaultProvider(new GeoJsonProvider());

// A layout without tabs is what all versions of Splunk read; later ones make one tab of it when they open it.
function opened(definition) {
    const { success, definition: migrated, reason } = migrateToTabsLayout({ definition });
    if (!success) {
        throw new Error(reason);
    }
    return migrated;
}

// Requests that are not answered yet.
let waiting = 0;
const { fetch } = window;
window.fetch = async (...asked) => {
    waiting += 1;
    try {
        return await fetch(...asked);
    } finally {
        waiting -= 1;
    }
};

let root;

// The address brings tokens, as form.<token>: the packages read them from there.
function render(definition, theme, address) {
    window.history.replaceState(null, '', address);
    links.length = 0;
    root?.unmount();
    document.body.style.background = theme === 'dark' ? '#0b0c0e' : '#ffffff';
    root = createRoot(document.getElementById('dashboard'));
    root.render(
        <SplunkThemeProvider family="enterprise" colorScheme={theme} density="comfortable">
            <DashboardContextProvider
                preset={preset}
                initialDefinition={opened(definition)}
                initialMode="view"
                dashboardPlugin={plugin}
                geoRegistry={geoRegistry}
                timezone={{ ianaTimezone: 'UTC' }}
                featureFlags={{ enableSvgHttpDownloader: false }}
            >
                <DashboardCore width="100%" height="auto" />
            </DashboardContextProvider>
        </SplunkThemeProvider>,
    );
}

// Returns what Splunk's validator finds wrong with a definition.
function validate(definition) {
    const validator = new DashboardValidator();
    const wrong = validator.setSchema(createSchemaBasedOnPresets(preset));
    if (wrong) {
        return [String(wrong)];
    }
    return (validator.validate(opened(definition), []) ?? []).map((one) => `${one.instancePath}: ${one.message}`);
}

// Returns the names of all properties that a schema knows at any depth.
function properties(schema) {
    if (typeof schema !== 'object' || schema === null) {
        return [];
    }
    return [...Object.keys(schema.properties ?? {}), ...Object.values(schema).flatMap(properties)];
}

// Returns the options that each kind of visualization, input and data source knows, by kind, each with the properties
// that it may hold, none where it may hold any; null for a kind of which any option is allowed.
function knownOptions() {
    const found = {};
    for (const kinds of [preset.visualizations, preset.inputs, preset.dataSources]) {
        for (const [kind, component] of Object.entries(kinds)) {
            const schema = component.config?.optionsSchema ?? component.schema;
            const options = Object.entries(schema ?? {}).map(([name, option]) => [name, [...new Set(properties(option))]]);
            found[kind] = schema ? Object.fromEntries(options) : null;
        }
    }
    return found;
}

window.dashboards = { render, validate, knownOptions, links, isWaiting: () => waiting > 0 };
