// What a check throws that cannot be made on this machine; its message says why.
export class Skipped extends Error {}
