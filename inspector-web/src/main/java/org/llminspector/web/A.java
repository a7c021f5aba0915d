package org.llminspector.web;

class A {}
