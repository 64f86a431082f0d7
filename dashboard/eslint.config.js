// Lints, and the house rule that views never import transport (docs/ARCHITECTURE.md, "The dashboard").
import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import ts from 'typescript-eslint'

const banned = (group, message) => ({
  'no-restricted-imports': ['error', { patterns: [{ group, message }] }],
  '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ group, message }] }],
})

const TRANSPORT = ['@/api', '@/api/*', '**/api/*']

export default ts.config(
  { ignores: ['dist', 'node_modules', 'src/api/schema.d.ts', 'test-results'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.vue'] } },
  },
  {
    rules: {
      'no-undef': 'off', // vue-tsc knows better
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', 800],
      // The page's policy forbids inline styles, and what comes from outside is never HTML.
      'vue/no-static-inline-styles': 'error',
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      'vue/require-default-prop': 'off',
      // Layout of templates is a matter of taste, and of what reads well.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/attributes-order': 'off',
    },
  },
  {
    files: ['src/views/**', 'src/components/**', 'src/frame/**'],
    rules: banned(TRANSPORT, 'Views never import transport: ask a store or a composable.'),
  },
  {
    files: ['src/stores/**', 'src/composables/**'],
    rules: banned(['@/views/*', '@/components/*', '@/frame/*'], 'Stores know no views.'),
  },
  {
    files: ['src/domain/**'],
    rules: banned(['@/views/*', '@/components/*', '@/frame/*', '@/stores/*', '@/composables/*', 'vue', 'pinia'],
      'A domain is values and calls; it knows neither stores nor views.'),
  },
  {
    files: ['scripts/**', '*.config.*', 'stories/**'],
    rules: { 'no-console': 'off' },
  },
)
