// Tells which numbers a double can stand for.

/**
 * What a number is after a trip through a double, or null when that is the same decimal value. Compared with the text that
 * JavaScript and RFC 8785, section 3.2.2.3, write for the double: two numbers that are accepted and differ are written
 * differently, so they never become the same content.
 */
export function changedNumber(source: string): string | null {
  const double = Number(source);
  const written = String(double);
  if (written === source) return null;
  return Number.isFinite(double) && decimalOf(written) === decimalOf(source) ? null : written;
}

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i;

/** One text for each decimal value, but for its sign: the digits from the first to the last that is not 0, and an exponent. */
function decimalOf(number: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(number) ?? [];
  const digits = whole + fraction;
  // Not by /0+$/, which takes quadratic time over many zeros in front of another digit.
  let [start, end] = [0, digits.length];
  while (digits[start] === '0') start++;
  while (end > start && digits[end - 1] === '0') end--;
  return start === end
    ? '0'
    : `${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}
