/**
 * The Model Context Protocol (docs/mcp.md): tools by which an assistant opens, runs, compares and analyses models. Answers are short
 * texts and numbers, never whole tensors.
 */
package org.llminspector.web.mcp;
