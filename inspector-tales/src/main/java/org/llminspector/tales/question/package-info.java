/** Questions about a story with their only correct answers, and paraphrases of them. */
package org.llminspector.tales.question;
