// Renders mapping templates as API Gateway does: reads {template, requests} in JSON from its standard input, and writes a JSON
// array of {text, overrides}. What a template may use stands here; anything else renders as its own text, as in Velocity.
const { render } = require('velocityjs')

// A payload is text to API Gateway: what is not UTF-8 was replaced before the template sees it.
const text = (base64) => Buffer.from(base64, 'base64').toString('utf8')
const string = (value) => (value === undefined || value === null ? '' : String(value))

const util = {
  base64Encode: (value) => Buffer.from(string(value), 'utf8').toString('base64'),
  base64Decode: (value) => Buffer.from(string(value), 'base64').toString('utf8'),
  escapeJavaScript: (value) => JSON.stringify(string(value)).slice(1, -1).replace(/'/g, "\\'").replace(/\//g, '\\/'),
  urlEncode: (value) => encodeURIComponent(string(value)),
  urlDecode: (value) => decodeURIComponent(string(value)),
  parseJson: (value) => JSON.parse(string(value)),
}

// The form `$.a.b` only.
function path(body, expression) {
  let found
  try {
    found = JSON.parse(body)
  } catch {
    return ''
  }
  for (const name of expression.replace(/^\$\.?/, '').split('.').filter(Boolean)) {
    found = found !== null && typeof found === 'object' && Object.hasOwn(found, name) ? found[name] : undefined
  }
  return found === undefined ? '' : found
}

function one(template, request) {
  const body = text(request.body64)
  // A map as Java's, which has no names that nobody put there.
  const headers = new Map(request.headers)
  const header = { keySet: () => [...headers.keys()], get: (name) => headers.get(name) }
  const overrides = { header: {} }
  const context = {
    requestTimeEpoch: request.at_ms,
    requestId: request.request_id,
    identity: { sourceIp: request.source_ip },
    responseOverride: overrides,
  }
  const input = {
    body,
    params: () => ({ header, path: {}, querystring: {} }),
    path: (expression) => path(body, expression),
    json: (expression) => JSON.stringify(path(body, expression)),
  }
  const rendered = render(template, { input, util, context, stageVariables: request.stage_variables })
  return { text: rendered, overrides }
}

const chunks = []
process.stdin.on('data', (chunk) => chunks.push(chunk))
process.stdin.on('end', () => {
  const { template, requests } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  process.stdout.write(JSON.stringify(requests.map((request) => one(template, request))))
})
