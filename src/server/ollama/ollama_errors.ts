// Errors in Ollama's form.
import type { ApiError } from "../api_error.js";

export const ollamaError = ({ message }: ApiError): object => ({ error: message });
