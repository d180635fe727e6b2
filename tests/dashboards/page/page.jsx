// Renders one dashboard definition with Splunk's own packages, as Splunk Web does: the same preset, its data sources ask
// the REST API of splunkd, which the tests stand in for.
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import DashboardCore from '@splunk/dashboard-core';
import { DashboardContextProvider, GeoJsonProvider, GeoRegistry } from '@splunk/dashboard-context';
import { createSchemaBasedOnPresets } from '@splunk/dashboard-definition/DashboardSchema';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';
import { migrateToTabsLayout } from '@splunk/dashboard-utils';
import { DashboardValidator } from '@splunk/dashboard-validation';
import SplunkThemeProvider from '@splunk/themes/SplunkThemeProvider';
import { Options } from '@splunk/visualization-encoding/Options';

const links = [];

const geoRegistry = GeoRegistry.create();
geoRegistry.addDefaultProvider(new GeoJsonProvider());

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

// Stands in for the map, which Splunk's packages draw by WebGL: a machine without a graphics card is too slow for that.
// What it draws is what the definition says, evaluated as the map does it: the areas of its layer and their colours.
function FlatMap({ dataSources, options, context, width, height }) {
    const [areas, setAreas] = useState([]);
    useEffect(() => {
        geoRegistry.getByURL('geo://default/world').then((world) => setAreas(world.features));
    }, []);
    const [layer] = dataSources?.primary?.data ? Options.evaluate({ options, context }, dataSources).layers : [{}];
    const { areaIds = [], areaValues = [], dataColors = [] } = layer;
    const number = (name) => (areaValues[areaIds.indexOf(name)] === undefined ? -1 : areaIds.indexOf(name));
    const point = ([x, y]) => `${(((x + 180) / 360) * width).toFixed(1)},${(((84 - y) / 142) * height).toFixed(1)}`;
    const outline = ({ type, coordinates }) =>
        (type === 'Polygon' ? coordinates : coordinates.flat()).map((ring) => `M${ring.map(point).join('L')}Z`).join('');
    return (
        <svg width={width} height={height} data-map>
            {areas.map(({ geometry, properties: { name } }) => (
                <path
                    key={name}
                    d={outline(geometry)}
                    data-area={number(name) < 0 ? undefined : name}
                    fill={dataColors[number(name)] ?? '#8a96a3'}
                    fillOpacity={number(name) < 0 ? 0.2 : 1}
                />
            ))}
        </svg>
    );
}
Object.assign(FlatMap, EnterpriseViewOnlyPreset.visualizations['splunk.map']);

const preset = {
    ...EnterpriseViewOnlyPreset,
    visualizations: { ...EnterpriseViewOnlyPreset.visualizations, 'splunk.map': FlatMap },
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
                featureFlags={{ enableSvgHttpDownloader: false, enableSmartSourceDS: true }}
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
// that it may hold, none where it may hold any, and first a star where names of fields come before them; null for a kind
// of which any option is allowed.
function knownOptions() {
    const found = {};
    for (const kinds of [preset.visualizations, preset.inputs, preset.dataSources]) {
        for (const [kind, component] of Object.entries(kinds)) {
            const schema = component.config?.optionsSchema ?? component.schema;
            const known = schema?.extend ? Object.assign({}, ...schema.extend.anyOf.map((one) => one.properties)) : schema;
            const options = Object.entries(known ?? {}).map(([name, option]) => [
                name,
                [...(option.patternProperties ? ['*'] : []), ...new Set(properties(option))],
            ]);
            found[kind] = schema ? Object.fromEntries(options) : null;
        }
    }
    return found;
}

// Returns the names of the countries on the map of the world.
async function areas() {
    const world = await geoRegistry.getByURL('geo://default/world');
    return world.features.map((one) => one.properties.name);
}

window.dashboards = { areas, render, validate, knownOptions, links, isWaiting: () => waiting > 0 };
