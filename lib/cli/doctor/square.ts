// The smallest model that shows whether models run, as the bytes of its file in base64.

/** y = x * x of float32 [N, 2]. */
export const square =
  'CAoSF3RlbnNvcmxhbmUtb25ueC1idWlsZGVyOkgKEwoBeAoBeBIBeRoBeSIDTXVsOgASBWdyYXBoWhQKAXgSDwoNCAESCQoDEgFOCgIIAmIUCgF5Eg8KDQgBEgkKAxIBTgoC' +
  'CAJCBAoAEBU=';
