"""From files, hubs and raw text to `Sentence`, and back; nothing here knows of tensors."""
