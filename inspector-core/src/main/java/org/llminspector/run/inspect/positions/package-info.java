/** Position encodings: rotations, scores at other distances, shifted prompts. */
package org.llminspector.run.inspect.positions;
