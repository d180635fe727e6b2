// How eslint reads the page scripts. CommonJS, since NODE_PATH names where its rules are installed.
const js = require('@eslint/js');

module.exports = [
    {
        ...js.configs.recommended,
        files: ['**/*.js'],
        languageOptions: { ecmaVersion: 2022, sourceType: 'module' },
        linterOptions: { reportUnusedDisableDirectives: 'error' },
        rules: {
            ...js.configs.recommended.rules,
            // The type checker knows what a browser has.
            'no-undef': 'off',
            'array-callback-return': 'error',
            'consistent-return': 'error',
            curly: 'error',
            eqeqeq: ['error', 'always', { null: 'ignore' }],
            'no-eval': 'error',
            'no-implied-eval': 'error',
            'no-param-reassign': 'error',
            'no-unused-vars': ['error', { argsIgnorePattern: '^_', args: 'after-used' }],
            'no-var': 'error',
            'object-shorthand': 'error',
            'prefer-const': 'error',
            'prefer-template': 'error',
            // Markup is never made from text: dom.js makes elements.
            'no-restricted-properties': [
                'error',
                { property: 'innerHTML', message: 'Make elements with dom.js.' },
                { property: 'outerHTML', message: 'Make elements with dom.js.' },
                { property: 'insertAdjacentHTML', message: 'Make elements with dom.js.' },
            ],
        },
    },
];
