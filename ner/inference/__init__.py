"""A model in use: load it, batch sentences, predict, evaluate; ONNX Runtime inside."""
