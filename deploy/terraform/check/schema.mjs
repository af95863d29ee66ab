// Reads the schema of AWS's provider for Terraform out of the package @cdktf/provider-aws, which was generated from it.
//
// Usage: node schema.mjs PACKAGE_FOLDER OUTPUT.json TYPE...      (types as Terraform calls them; data sources as `data.TYPE`)
//
// For each type: attributes (type, required, optional, computed) and nested blocks (list, set or single; at least and at most).
// What an argument is called and whether it is a block stands in index.js, whether it may be left out in index.d.ts. A type
// that the package does not have, or that cannot be read, is an error: nothing passes unseen.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PRIMITIVES = { string: "string", number: "number", boolean: "bool", any: "dynamic" };
const COLLECTIONS = {
  stringList: "string", numberList: "number", booleanList: "bool",
  stringMap: "string", numberMap: "number", booleanMap: "bool", anyMap: "dynamic",
};
const GETTERS = {
  String: "string", Number: "number", Boolean: "bool", List: ["list", "string"],
  StringMap: ["map", "string"], NumberMap: ["map", "number"], BooleanMap: ["map", "bool"],
};

const FILLED_IN = new Set(["arn", "id", "region", "tags_all"]);

/** Every match of an expression in a text. */
const all = (text, expression) => [...text.matchAll(expression)];

/** The interfaces of index.d.ts: for each its arguments by Terraform's name, with whether one may be left out, and its type. */
function interfaces(text) {
  const found = new Map();
  for (const [, name, body] of all(text, /export interface (\w+)(?: extends [\w.]+)? \{([\s\S]*?)\n\}/g)) {
    const fields = new Map();
    const field = /\/\*\*([\s\S]*?)\*\/\s*readonly (\w+)(\?)?: ([\s\S]*?);\n(?=\s*(?:\/\*\*|readonly|$))/g;
    for (const [, comment, , optional, type] of all(`${body}\n`, field)) {
      const argument = comment.match(/#(\w+) \w+#(\w+)\}/)?.[2];
      if (argument) fields.set(argument, { optional: Boolean(optional), type: type.trim() });
    }
    found.set(name, fields);
  }
  return found;
}

/** The functions of index.js that write one block each, by the block's name. */
function writers(text) {
  return new Map(all(text, /function (\w+)ToHclTerraform\(struct\) \{([\s\S]*?)\n\}\n/g).map(([, name, body]) => [name, body]));
}

/** The arguments that such a function, or the class itself, writes. */
function argumentsOf(body) {
  const start = body.indexOf("const attrs = {");
  if (start < 0) return [];
  const one = /\n\s+(\w+): \{\s*value: ([\s\S]*?),\s*isBlock: (true|false),\s*type: "(\w+)",\s*storageClassType: "(\w+)",\s*\}/g;
  return all(body.slice(start), one).map(([, name, value, block, type, kind]) => ({ name, value, block: block === "true", type, kind }));
}

/** The text of each class of index.js, by its name. */
function classes(text) {
  return new Map(text.split(/\n(?=class )/).map((part) => [part.match(/^class (\w+)/)?.[1], part]));
}

function block(written, fields, known) {
  const made = { attributes: {}, blocks: {} };
  for (const { name, value, block: nested, type, kind } of written) {
    const field = fields?.get(name);
    const optional = field?.optional ?? true;
    if (nested) {
      const writer = value.match(/(\w+)ToHclTerraform/)?.[1];
      if (!writer || !known.writers.has(writer)) throw new Error(`cannot read the block ${name}`);
      const inner = block(argumentsOf(known.writers.get(writer)), known.interfaces.get(kind.replace(/(List|Map)$/, "")), known);
      addComputed(inner, known.classes.get(`${writer[0].toUpperCase()}${writer.slice(1)}OutputReference`) ?? "");
      const single = name === "timeouts" || type === "struct";
      const many = field ? /\[\]/.test(field.type) : true;
      made.blocks[name] = { nesting: single ? "single" : type, min: optional || single ? 0 : 1, max: many || single ? 0 : 1, block: inner };
    } else {
      const plain = type === "simple" ? (PRIMITIVES[kind] ?? "dynamic") : COLLECTIONS[kind] ? [type, COLLECTIONS[kind]] : "dynamic";
      // Whether the provider fills in what was left out is not in the package; of these few it is known.
      made.attributes[name] = { type: plain, required: !optional, optional, computed: optional && FILLED_IN.has(name) };
    }
  }
  return made;
}

/** What the provider fills in by itself: getters of the class that have no input. */
function addComputed(made, script) {
  const getter = /get (\w+)\(\) \{\s*return (?:this\.get(String|Number|Boolean|List|StringMap|NumberMap|BooleanMap)Attribute\('(\w+)'\)|cdktf\.Fn\.tolist\(this\.getListAttribute\('(\w+)'\)\))/g;
  for (const [, , type, name, list] of all(script, getter)) {
    const attribute = name ?? list;
    if (!made.attributes[attribute] && !made.blocks[attribute]) {
      made.attributes[attribute] = { type: GETTERS[type] ?? ["set", "string"], computed: true };
    }
  }
  for (const [, , , name] of all(script, /this\._(\w+) = new (\w+)List\(this, "(\w+)", (?:true|false)\)/g)) {
    if (!made.attributes[name] && !made.blocks[name]) made.attributes[name] = { type: "dynamic", computed: true };
  }
}

/** Terraform refuses values of any type inside blocks; they are strings there. */
function withoutDynamic(made, nested = false) {
  if (nested) {
    for (const attribute of Object.values(made.attributes)) {
      attribute.type = JSON.parse(JSON.stringify(attribute.type).replaceAll('"dynamic"', '"string"'));
    }
  }
  for (const inner of Object.values(made.blocks)) withoutDynamic(inner.block, true);
  return made;
}

function read(folder, type) {
  const named = type === "provider" ? "provider" : type.replace(/^data\.aws_/, "data-aws-").replace(/^aws_/, "").replaceAll("_", "-");
  const script = readFileSync(join(folder, "lib", named, "index.js"), "utf8");
  const declared = readFileSync(join(folder, "lib", named, "index.d.ts"), "utf8");
  const told = script.match(/terraformResourceType: '(\w+)'/)?.[1];
  if (type !== "provider" && told !== type.replace(/^data\./, "")) throw new Error(`${named} is ${told}, not ${type}`);
  const known = { interfaces: interfaces(declared), writers: writers(script), classes: classes(script) };
  const config = declared.match(/export interface (\w+Config) extends cdktf\.TerraformMetaArguments/)?.[1] ?? "AwsProviderConfig";
  const made = block(argumentsOf(script.slice(script.lastIndexOf("synthesizeHclAttributes()"))), known.interfaces.get(config), known);
  addComputed(made, script.slice(script.search(/class \w+ extends cdktf\.Terraform(Resource|DataSource|Provider)/)));
  return { version: script.match(/providerVersion: '([\d.]+)'/)?.[1], made: withoutDynamic(made) };
}

const [folder, output, ...types] = process.argv.slice(2);
const schema = { version: null, provider: read(folder, "provider").made, resources: {}, data: {} };
for (const type of types) {
  const { version, made } = read(folder, type);
  schema.version = version;
  if (type.startsWith("data.")) schema.data[type.slice("data.".length)] = made;
  else schema.resources[type] = made;
}
writeFileSync(output, JSON.stringify(schema, null, 1));
console.log(`schema of provider ${schema.version}: ${Object.keys(schema.resources).length} resources, ${Object.keys(schema.data).length} data sources`);
