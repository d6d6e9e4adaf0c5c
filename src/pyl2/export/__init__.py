"""Networks in other forms: ONNX, PyTorch, C; nothing here knows more than arrays and names."""
