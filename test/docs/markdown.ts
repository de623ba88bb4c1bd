// The code blocks of a Markdown file, and how their examples are put together.
//
// The rule: a block of TypeScript is a program by itself, as a reader would paste it. One that follows from those before it in
// its section says so in a comment before it, which readers do not see:
//   <!-- example: continues -->       it comes after the blocks of the section so far
//   <!-- example: NAME -->            a test of that name runs it and looks at what it does
//   <!-- example: given a, b -->      it uses names of the reader's own, which given.ts has

export interface Block {
  readonly section: string;
  /** From 1, in the file. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly directive: string;
}

export interface Example {
  /** What a test is called by. */
  readonly title: string;
  readonly name: string | undefined;
  readonly program: string;
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  let section = '';
  let directive = '';
  for (let i = 0; i < lines.length; i++) {
    const heading = /^#+ (.*)/.exec(lines[i]!)?.[1];
    if (heading !== undefined) section = heading;
    const said = /^<!-- example: (.*?) -->$/.exec(lines[i]!)?.[1];
    if (said !== undefined) directive = said;
    const language = /^```(\w*)$/.exec(lines[i]!)?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: this code block does not end`);
    blocks.push({ section, line: i + 1, language, code: lines.slice(i + 1, end).join('\n'), directive });
    directive = '';
    i = end;
  }
  return blocks;
}

/** The programs that the TypeScript blocks make. `given` is how a program imports given.ts. */
export function examplesOf(markdown: string, given: string): Example[] {
  const sofar = new Map<string, string>();
  return blocksOf(markdown)
    .filter(({ language }) => language === 'ts')
    .map(({ section, line, code, directive }) => {
      const names = /^given (.*)$/.exec(directive)?.[1];
      const own = names === undefined ? code : `import { ${names} } from '${given}';\n${code}`;
      const continues = directive === 'continues';
      const program = continues ? `${sofar.get(section) ?? ''}\n${own}` : own;
      sofar.set(section, program);
      const name = directive === '' || continues || names !== undefined ? undefined : directive;
      return { title: `${section}, line ${line}`, name, program: `${program}\nexport {};\n` };
    });
}
