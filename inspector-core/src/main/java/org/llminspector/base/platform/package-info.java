/** Native libraries, the home folder and the C library's allocator. */
package org.llminspector.base.platform;
