// Parses JSON and finds what in it has no exact canonical form.
import { changedNumber } from './exact-number.ts';
import { endOfString } from './json-bounds.ts';
import { pointerTo } from './json-pointer.ts';
import type { JsonValue } from './json-value.ts';

/** Something in a JSON text that would be lost or changed in its canonical form. `detail` is for the client. */
export type JsonFault = { readonly pointer: string; readonly detail: string };
export type ParsedJson = { readonly value: JsonValue; readonly faults: readonly JsonFault[] };

/** How deep the objects and arrays of one content may be nested. */
export const MAX_DEPTH = 64;
/** Bounds what one item can make of faults: a body has room for ten thousands of them. */
const MAX_FAULTS_EACH = 20;

/**
 * The value of a JSON text, and what in it RFC 8785 has no form for (it asks for I-JSON, RFC 7493, section 2): numbers
 * that become others as a double, names that an object has twice, lone surrogates; and what is nested too deep. A text is
 * parsed by V8, without recursion, and looked through once more for what that does not tell.
 *
 * `itemDepth` is how deep in the text the items stand whose contents are looked at: 0 when the text is an item, 2 in
 * `{"items":[…]}`. Depth is counted from there, and so are faults, of which only the first 20 of each item are told, and the first 20 outside of items.
 *
 * Throws a SyntaxError that quotes the text when it is not JSON.
 */
export function parseJson(text: string, itemDepth = 0): ParsedJson {
  const value = JSON.parse(text) as JsonValue;
  return { value, faults: findFaults(text, itemDepth) };
}

const QUOTE = '"'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
const [ZERO, NINE] = ['0'.charCodeAt(0), '9'.charCodeAt(0)];
const [OPEN_OBJECT, CLOSE_OBJECT] = ['{'.charCodeAt(0), '}'.charCodeAt(0)];
const [OPEN_ARRAY, CLOSE_ARRAY] = ['['.charCodeAt(0), ']'.charCodeAt(0)];

/** An object or array that is open where the scan stands. `step` is the name or index of the value that comes next. */
type Container = { readonly names: Set<string> | null; step: string | number };

/** Looks through a text that is known to be JSON. */
function findFaults(text: string, itemDepth: number): JsonFault[] {
  const maxOpen = itemDepth + 1 + MAX_DEPTH;
  const mayBeIllFormed = text.includes('\\') || !text.isWellFormed();
  const faults: JsonFault[] = [];
  const open: Container[] = [];
  let faultsLeft = MAX_FAULTS_EACH;
  let outerFaultsLeft = MAX_FAULTS_EACH;
  /** Containers beyond `maxOpen`; what is inside them is not looked at. */
  let tooDeep = 0;
  let nameIsNext = false;

  const note = (detail: string): void => {
    const left = open.length > itemDepth ? faultsLeft-- : outerFaultsLeft--;
    if (left > 0) faults.push({ pointer: pointerTo(open.map(({ step }) => step)), detail });
  };
  const startValue = (isObject: boolean): void => {
    nameIsNext = isObject;
    if (open.length === itemDepth) faultsLeft = MAX_FAULTS_EACH;
  };

  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i);
      const inside = open.at(-1);
      if (tooDeep > 0) {
        // Not looked at.
      } else if (nameIsNext && inside !== undefined && inside.names !== null) {
        const name = stringIn(text, i, end);
        inside.step = name;
        nameIsNext = false;
        if (inside.names.has(name)) note('is there more than once');
        inside.names.add(name);
        if (mayBeIllFormed && !name.isWellFormed())
          note('has a name that is not well-formed Unicode (a lone surrogate)');
      } else if (mayBeIllFormed && !stringIn(text, i, end).isWellFormed()) {
        note('must be well-formed Unicode (it has a lone surrogate)');
      }
      i = end - 1;
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (open.length === maxOpen) {
        if (tooDeep++ === 0) note(`must not be nested more than ${MAX_DEPTH} deep`);
        continue;
      }
      const isObject = code === OPEN_OBJECT;
      open.push({ names: isObject ? new Set() : null, step: 0 });
      startValue(isObject);
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      nameIsNext = false;
      if (tooDeep > 0) tooDeep--;
      else open.pop();
    } else if (tooDeep > 0) {
      // Not looked at.
    } else if (code === COMMA) {
      const inside = open.at(-1);
      if (typeof inside?.step === 'number') inside.step++;
      startValue(inside?.names != null);
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfNumber(text, i);
      const changed = changedNumber(text.slice(i, end));
      if (changed !== null) note(`is a number that becomes ${changed} as a double; send it as a string`);
      i = end - 1;
    }
  }
  return faults;
}

function stringIn(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end - 1);
  return plain.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : plain;
}

const IN_NUMBER = /[-+.\deE]+/y;

function endOfNumber(text: string, start: number): number {
  IN_NUMBER.lastIndex = start;
  IN_NUMBER.test(text);
  return IN_NUMBER.lastIndex;
}
