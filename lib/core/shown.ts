// How messages show what was given: always, in a line, whatever it is.

const mostCharacters = 100;
const mostElements = 20;
const mostDepth = 3;

export function shown(value: unknown, depth = 0): string {
  if (typeof value === 'string') {
    return `'${value.length > mostCharacters ? `${value.slice(0, mostCharacters)}...` : value}'`;
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) {
    if (depth === mostDepth) return '[...]';
    const first = Array.from(value.slice(0, mostElements), (one) => shown(one, depth + 1));
    const more = value.length - first.length;
    return `[${first.join(', ')}${more > 0 ? `, and ${more} more` : ''}]`;
  }
  // String() fails for an object without a prototype.
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value);
}
