/** Parquet: columns of strings and whole numbers of a file, row by row with a page in memory; and tables of numbers as a file. */
package org.llminspector.parquet;
