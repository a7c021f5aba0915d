/** Files of text as documents with stable ids. */
package org.llminspector.corpus;
