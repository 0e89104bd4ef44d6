// Spells JSON values in as many ways as JSON allows.
import fc from 'fast-check';
import type { JsonValue } from '../../src/items/json-value.ts';

/** Says how many ways there are and gets one of them. */
export type Choose = (ways: number) => number;

/** Any JSON value; names that JavaScript treats specially are among the names. */
export const jsonValues = fc
  .jsonValue({ stringUnit: 'binary' })
  .chain((value) =>
    fc
      .constantFrom('__proto__', 'constructor', 'toJSON', 'a', '')
      .chain((name) =>
        fc.constantFrom<JsonValue>(
          value as JsonValue,
          JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`),
          [value as JsonValue],
        ),
      ),
  );

/** A way to choose that fast-check can replay and shrink. */
export const choices = fc.infiniteStream(fc.nat()).map(
  (stream): Choose =>
    (ways) =>
      stream.next().value! % ways,
);

/** A text of this value; which one is chosen. */
export function spell(value: JsonValue, choose: Choose): string {
  const space = (): string => ' \t\n\r'.slice(0, choose(5));
  const list = (parts: readonly string[], open: string, close: string): string =>
    space() + open + (parts.join(',') || space()) + close + space();
  if (typeof value === 'number') return space() + spellNumber(value, choose) + space();
  if (typeof value === 'string') return space() + spellString(value, choose) + space();
  if (typeof value !== 'object' || value === null) return `${space()}${value}${space()}`;
  if (Array.isArray(value)) {
    const parts = (value as JsonValue[]).map((each) => spell(each, choose));
    return list(parts, '[', ']');
  }
  const members = Object.entries(value).map(
    ([name, each]) => `${space()}${spellString(name, choose)}${space()}:${spell(each, choose)}`,
  );
  for (let i = members.length - 1; i > 0; i--) {
    const j = choose(i + 1);
    [members[i], members[j]] = [members[j]!, members[i]!];
  }
  return list(members, '{', '}');
}

function spellString(text: string, choose: Choose): string {
  const spelled = Array.from({ length: text.length }, (_, i) => {
    const code = text.charCodeAt(i);
    const plain = JSON.stringify(text[i]).slice(1, -1);
    const hex = code.toString(16).padStart(4, '0');
    return choose(4) > 0 && !/[\ud800-\udfff]/.test(text[i]!) ? plain : `\\u${choose(2) ? hex : hex.toUpperCase()}`;
  });
  return `"${spelled.join('')}"`;
}

function spellNumber(value: number, choose: Choose): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]\d+))?$/.exec(String(value)) ?? [];
  const significant = BigInt(whole + fraction).toString();
  const zeros = choose(4);
  const digits = significant + '0'.repeat(zeros);
  const power = Number(exponent) - fraction.length - zeros;
  // The point goes behind this many digits.
  const point = value === 0 ? 1 : 1 + choose(digits.length);
  const moved = power + digits.length - point;
  const tail = point < digits.length ? `.${digits.slice(point)}` : ['', '.0', '.000'][choose(3)]!;
  const e =
    moved === 0 && choose(2) === 0 ? '' : `${'eE'[choose(2)]}${moved < 0 ? '' : ['', '+', '+0'][choose(3)]}${moved}`;
  return `${value === 0 && choose(2) ? '-' : sign}${digits.slice(0, point)}${tail}${e}`;
}
