/** Of the onnxruntime-node that this stands in for, which is also that of the ONNX Runtime underneath. */
export const version = '1.30.0';
