// What Splunk Web's layout script gives to a page: a bar with the app's navigation, and a place for the page below it.
(function () {
    'use strict';

    function bar(options) {
        var header = document.createElement('header');
        var nav = document.createElement('nav');
        nav.setAttribute('aria-label', 'App navigation');
        window.__stand_in__.views.forEach(function (view) {
            var link = document.createElement('a');
            link.href = '/' + window.$C.LOCALE + '/app/' + window.__stand_in__.app + '/' + view.name;
            link.textContent = view.label;
            nav.appendChild(link);
        });
        header.appendChild(nav);
        var dark = window.__stand_in__.theme === 'dark';
        header.style.cssText = 'display:flex;gap:24px;padding:12px 20px;background:' + (dark ? '#0b0c0e' : '#3c444d');
        nav.style.cssText = 'display:flex;gap:24px;font:14px sans-serif';
        nav.querySelectorAll('a').forEach(function (link) {
            link.style.color = '#fff';
        });
        if (options && options.pageTitle) {
            document.title = options.pageTitle;
        }
        return header;
    }

    window.__splunk_layout__ = {
        create: function (options) {
            var container = document.createElement('main');
            document.body.style.margin = '0';
            document.body.appendChild(bar(options));
            document.body.appendChild(container);
            return {
                getContainerElement: function () {
                    return container;
                }
            };
        }
    };
})();
