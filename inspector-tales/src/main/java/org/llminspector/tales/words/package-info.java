/** Word lists of the stories, the people, places and things made of them, and the random choices. */
package org.llminspector.tales.words;
