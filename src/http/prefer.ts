// Reads the Prefer header (RFC 7240): what a client would like to be done in another way.
import type { IncomingHttpHeaders } from 'node:http';

/** `lenient`: a duplicate is a success. `minimal`: ids will do in place of items. */
export type Preferences = { readonly lenient: boolean; readonly minimal: boolean };

// A separator, a quoted string or a token (RFC 9110, sections 5.6.2 and 5.6.4), with the white space around it.
const LEXEME = /[ \t]*(?:([,;=])|"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w-]+))[ \t]*/y;

/**
 * The preferences that this service knows. All others are ignored, and so is what cannot be read, with all behind it:
 * a preference is a wish. Of one that is there twice the first counts (RFC 7240, section 2).
 */
export function readPreferences(headers: IncomingHttpHeaders): Preferences {
  const given = headers['prefer'];
  if (given === undefined) return { lenient: false, minimal: false };
  const preferences = readList(String(given));
  return {
    lenient: preferences.get('handling') === 'lenient',
    minimal: preferences.get('return') === 'minimal',
  };
}

/** The value of Preference-Applied for what was done. */
export function preferenceApplied({ lenient, minimal }: Preferences): string {
  return [lenient ? 'handling=lenient' : '', minimal ? 'return=minimal' : ''].filter(Boolean).join(', ');
}

/** Names and values in lower case; parameters are left out, because no preference that we know has any. */
function readList(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let name = '';
  let value = '';
  let at: 'name' | 'value' | 'parameters' = 'name';
  const end = (): void => {
    if (name !== '' && !found.has(name)) found.set(name, value);
    [name, value, at] = ['', '', 'name'];
  };
  for (LEXEME.lastIndex = 0; LEXEME.lastIndex < text.length;) {
    const lexeme = LEXEME.exec(text);
    if (lexeme === null) return found;
    const [, separator, quoted, token] = lexeme;
    const word = (quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? '').toLowerCase();
    if (separator === ',') end();
    else if (separator === ';') at = 'parameters';
    else if (separator === '=' && at === 'name') at = 'value';
    else if (separator === undefined && at === 'name' && name === '' && token !== undefined) name = word;
    else if (separator === undefined && at === 'value' && value === '') value = word;
    else if (at !== 'parameters') return found;
  }
  end();
  return found;
}
