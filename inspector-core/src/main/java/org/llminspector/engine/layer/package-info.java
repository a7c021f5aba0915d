/** A decoder's arithmetic, written once over {@link org.llminspector.engine.layer.Ops}. */
package org.llminspector.engine.layer;
