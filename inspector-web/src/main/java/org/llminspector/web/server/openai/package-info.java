/** The OpenAI-compatible interface under {@code /v1}, and the tokenizer routes of vLLM and llama.cpp. */
package org.llminspector.web.server.openai;
