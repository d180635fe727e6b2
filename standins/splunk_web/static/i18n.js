// What a page finds of Splunk Web's translation: texts are shown as they are.
window.i18n_locale = window.$C.LOCALE;
window._ = window._ || function (text) {
    return text;
};
