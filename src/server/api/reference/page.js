// Shows /api/openapi.json: every call, what it takes, what it answers. All text reaches the page as text.

const words = {
  en: {
    ask: 'The secret, or a token', open: 'Show', search: 'Search: a path, a word', save: 'Save openapi.json',
    params: 'Parameters', body: 'Body', answers: 'Answers', free: 'open', need: '* required',
    wrong: 'This secret is not right, or the login has ended.', failed: 'The document could not be loaded: ',
  },
  zh: {
    ask: '密钥或令牌', open: '查看', search: '搜索路径或文字', save: '保存 openapi.json',
    params: '参数', body: '请求体', answers: '响应', free: '无需密钥', need: '* 必填',
    wrong: '密钥不正确，或登录已失效。', failed: '无法加载接口文档：',
  },
}
const lang = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
const say = words[lang]
const byId = (id) => document.getElementById(id)

/** An element with properties and children; text is text. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children.filter((child) => child !== undefined && child !== ''))
  return element
}

/** The login that the dashboard keeps for this origin, if there is one. */
function keptToken() {
  try {
    const kept = JSON.parse(localStorage.getItem('gpuyard.token'))
    return typeof kept === 'string' ? kept : (kept?.token ?? '')
  } catch {
    return ''
  }
}

async function load(shown) {
  const headers = { 'Accept-Language': lang }
  if (shown) headers.Authorization = `Bearer ${shown}`
  const response = await fetch('/api/openapi.json', { headers })
  const body = await response.json()
  if (!response.ok) throw Object.assign(new Error(body.message), { status: response.status })
  return body
}

let api

function resolve(thing) {
  const path = thing?.$ref?.slice(2).split('/')
  return path ? path.reduce((at, name) => at[name], api) : thing
}

/** A shape in few words: `string`, `GpuEntry[]`, `integer | null`. */
function typeOf(schema) {
  if (!schema || schema === true) return 'any'
  if (schema.$ref) return schema.$ref.split('/').pop()
  const several = schema.oneOf ?? schema.anyOf
  if (several) return several.map(typeOf).join(' | ')
  if (schema.allOf) return schema.allOf.map(typeOf).join(' & ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const types = [schema.type ?? 'any'].flat()
  const name = (type) => {
    if (type === 'array') return schema.prefixItems ? `[${schema.prefixItems.map(typeOf).join(', ')}]` : `${typeOf(schema.items)}[]`
    if (type === 'object' && schema.additionalProperties) return `{…: ${typeOf(schema.additionalProperties)}}`
    return schema.format && type !== 'null' ? `${type} (${schema.format})` : type
  }
  return types.map(name).join(' | ')
}

/** The parts of a shape that have fields of their own. */
function partsOf(schema, depth = 0) {
  const whole = resolve(schema)
  if (!whole || depth > 8) return []
  if (whole.properties) return [whole]
  const inner = [...(whole.oneOf ?? []), ...(whole.anyOf ?? []), ...(whole.allOf ?? []), ...(whole.prefixItems ?? [])]
  if (whole.items) inner.push(whole.items)
  if (typeof whole.additionalProperties === 'object') inner.push(whole.additionalProperties)
  return inner.flatMap((part) => partsOf(part, depth + 1))
}

/** One field; what lies inside is made when it is opened, so that shapes may contain themselves. */
function field(name, schema, needed, about) {
  const head = [make('code', { className: needed ? 'need' : '', textContent: name }), ' ',
    make('code', { className: 'type', textContent: typeOf(schema) })]
  const text = about ?? schema.description ?? ''
  const inner = partsOf(schema)
  if (inner.length === 0) return make('li', {}, ...head, text && ` ${text}`)
  const details = make('details', {}, make('summary', {}, ...head, text && ` ${text}`))
  details.addEventListener('toggle', () => details.append(...inner.map(fields)), { once: true })
  return make('li', {}, details)
}

function fields(schema) {
  const needed = new Set(schema.required ?? [])
  const entries = Object.entries(schema.properties ?? {})
  return make('ul', {}, ...entries.map(([name, inner]) => field(name, inner, needed.has(name))))
}

function section(title, ...children) {
  return children.length ? [make('h3', { textContent: title }), make('ul', {}, ...children)] : []
}

function schemaIn(content) {
  return Object.values(content ?? {})[0]?.schema
}

function example(method, path, operation) {
  const open = !operation.security
  const lines = [`curl -X ${method.toUpperCase()} ${location.origin}${path}`]
  if (!open) lines.push(`-H "Authorization: Bearer $TOKEN"`)
  if (operation.requestBody) lines.push(`-H 'Content-Type: application/json' -d '{}'`)
  return lines.join(' \\\n     ')
}

function call(method, path, operation) {
  const parameters = (operation.parameters ?? []).map((one) => {
    const parameter = resolve(one)
    return field(`${parameter.name} (${parameter.in})`, parameter.schema, parameter.required, parameter.description)
  })
  const body = schemaIn(resolve(operation.requestBody)?.content)
  const answers = Object.entries(operation.responses).map(([status, one]) => {
    const response = resolve(one)
    const schema = schemaIn(response.content)
    return schema ? field(status, schema, false, response.description)
      : make('li', {}, make('code', { textContent: status }), ` ${response.description}`)
  })
  const summary = make('summary', {},
    make('span', { className: `method ${method}`, textContent: method.toUpperCase() }),
    make('span', { className: 'path', textContent: path }),
    make('span', { className: 'what', textContent: operation.summary ?? '' }),
    operation.security ? undefined : make('span', { className: 'open', textContent: say.free }))
  const details = make('details', { className: 'call', id: operation.operationId }, summary)
  details.dataset.words = `${method} ${path} ${operation.summary} ${operation.description ?? ''}`.toLowerCase()
  details.addEventListener('toggle', () => details.append(make('div', {},
    make('p', { className: 'about', textContent: operation.description ?? '' }),
    make('pre', { textContent: example(method, path, operation) }),
    ...section(say.params, ...parameters),
    ...section(say.body, ...(body ? [field('JSON', body, operation.requestBody.required)] : [])),
    ...section(say.answers, ...answers),
    make('p', { className: 'what', textContent: say.need }))), { once: true })
  return details
}

function show() {
  const groups = new Map()
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags?.[0] ?? ''
      groups.set(tag, [...(groups.get(tag) ?? []), call(method, path, operation)])
    }
  }
  const about = make('p', { className: 'about', textContent: api.info.description.replaceAll(/\*\*|`/g, '') })
  const sections = [...groups].map(([tag, calls]) => make('section', {}, make('h2', { textContent: tag }), ...calls))
  byId('calls').replaceChildren(about, ...sections)
  byId('login').hidden = true
  byId('search').hidden = byId('save').hidden = false
  document.getElementById(location.hash.slice(1))?.setAttribute('open', '')
}

function search() {
  const wanted = byId('search').value.toLowerCase().split(/\s+/)
  for (const part of document.querySelectorAll('section')) {
    const calls = [...part.querySelectorAll('.call')]
    for (const one of calls) one.hidden = !wanted.every((word) => one.dataset.words.includes(word))
    part.hidden = calls.every((one) => one.hidden)
  }
}

function save() {
  const url = URL.createObjectURL(new Blob([JSON.stringify(api, null, 2)], { type: 'application/json' }))
  make('a', { href: url, download: 'openapi.json' }).click()
  URL.revokeObjectURL(url)
}

async function open(shown, tried) {
  try {
    api = await load(shown)
    show()
  } catch (error) {
    byId('login').hidden = false
    const denied = error.status === 401
    byId('error').textContent = denied ? (tried ? say.wrong : '') : say.failed + error.message
  }
}

document.documentElement.lang = lang
byId('ask').textContent = say.ask
byId('open').textContent = say.open
byId('save').textContent = say.save
byId('search').placeholder = say.search
byId('search').addEventListener('input', search)
byId('save').addEventListener('click', save)
byId('login').addEventListener('submit', (event) => {
  event.preventDefault()
  open(byId('secret').value, true)
})
open(keptToken(), false)
